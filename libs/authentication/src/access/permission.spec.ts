import { describe, expect, it } from 'vitest';
import { requiredContextOf, authenticationContexts } from './authentication-contexts.js';
import { delegatedPermissions, ownPermissions } from './granted-permissions.js';
import { definePermission, isPermission, PERMISSIONS } from './permission.js';

describe('definePermission', () => {
  it('makes a name of a host known', () => {
    expect(isPermission('Sample.Read.All')).toBe(false);
    expect(definePermission('Sample.Read.All')).toBe('Sample.Read.All');
    expect(isPermission('Sample.Read.All')).toBe(true);
  });

  it.each(['AuditLog.Read.All', 'Sample', 'sample.read', 'openid', 'Sample.Read.All.Of.It', ''])(
    'refuses %j',
    (name) => {
      expect(() => definePermission(name)).toThrow("can't be defined");
    },
  );

  it('falls under an authentication context that is required for every permission', () => {
    const permission = definePermission('Sample.Write.All');
    expect(requiredContextOf(authenticationContexts.parse('c1'), permission)).toBe('c1');
    const byPermission = authenticationContexts.parse({ 'AuditLog.Read.All': 'c2' });
    expect(requiredContextOf(byPermission, permission)).toBeUndefined();
    expect(requiredContextOf(byPermission, 'AuditLog.Read.All')).toBe('c2');
  });
});

describe('delegatedPermissions', () => {
  it.each([...PERMISSIONS, definePermission('Sample.List.All')])(
    'grants %s as the two questions demand',
    (name) => {
      const isOwn = name === 'CommunicationToken.Issue';
      const none = ['User.Read'];
      expect(delegatedPermissions({ client: [name], person: none })).toEqual(isOwn ? [name] : []);
      expect(delegatedPermissions({ client: none, person: [name] })).toEqual([]);
      expect(delegatedPermissions({ client: [name], person: [name] })).toEqual([name]);
      expect(ownPermissions([name, ...none, name])).toEqual([name]);
    },
  );
});

import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useApi } from '../../api/api-context.js';
import type { AuditHealth } from '../../api/schemas.js';
import { counted } from '../../entries/counted.js';
import { OutcomeSign } from '../../entries/outcome.js';
import { fragmentOf } from '../../shell/address.js';
import { FailureMessage } from '../../shell/failure-message.js';
import { useZone } from '../../shell/use-zone.js';
import { instant, relative, span } from '../../time/format.js';
import type { Zone } from '../../time/zone.js';

/** Whether the log checks itself, reaches its receivers and is witnessed. Reading it is not recorded. */
export function Health({ at }: { readonly at: number }): ReactNode {
  const api = useApi();
  const zone = useZone();
  const { data, error, refetch } = useQuery({
    queryKey: ['audit-health', at],
    queryFn: async ({ signal }): Promise<AuditHealth> =>
      api.json('GET', '/v1/audit/health', { signal }),
  });
  if (error) return <FailureMessage error={error} onRetry={() => void refetch()} />;
  if (!data) return null;
  const { isHealthy, concerns, log } = data;
  const newestAt = Date.parse(log.checkpointAt ?? '');
  const checked = data.verification.find(({ name }) => name === 'log')?.verifiedEntries;
  return (
    <section className="health" aria-label="Health of the log" data-healthy={isHealthy}>
      <p role="status">
        <OutcomeSign outcome={isHealthy ? 'success' : 'failure'} />{' '}
        <strong>{isHealthy ? 'Nothing to look at.' : `To look at: ${concerns.length}.`}</strong>{' '}
        {counted(log.size, 'entry', 'entries')}
        {log.checkpointAt !== undefined &&
          `, the newest ${relative(newestAt, Math.max(at, newestAt))}`}
        {checked !== undefined && `; ${checked.toLocaleString('en')} checked by the service`}.{' '}
        <a href={fragmentOf({ page: 'proof' })}>Check the log in this browser</a>
      </p>
      {concerns.length > 0 && (
        <ul>
          {concerns.map((concern) => (
            <li key={concern}>{concern}</li>
          ))}
        </ul>
      )}
      <details>
        <summary>checks, sinks, witnesses</summary>
        <table>
          <tbody>
            {rowsOf(data, zone).map(([name, text]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{text}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </section>
  );
}

function rowsOf(health: AuditHealth, zone: Zone): [name: string, text: string][] {
  const { log, verification, sinks, witnesses, parts } = health;
  const time = (text: string): string => instant(Date.parse(text), zone);
  const since = (text: string | undefined): string =>
    text === undefined ? '' : ` since ${time(text)}`;
  return [
    [
      'stored entries',
      log.oldest
        ? `from #${log.oldest.index} of ${time(log.oldest.recordedAt)}; months ${log.months.join(', ')}`
        : 'none',
    ],
    ...verification.map(({ name, progress, passStartedAt, findings }): [string, string] => [
      `checks of ${name}`,
      `${counted(findings.length, 'finding')}; ${
        Date.parse(passStartedAt) > Date.now()
          ? `next pass ${time(passStartedAt)}`
          : `${Math.floor(progress * 100)} % of the pass of ${time(passStartedAt)}`
      }`,
    ]),
    ...sinks.map(
      ({ name, type, lagEntries, lagSeconds, failure, failingSince }): [string, string] => [
        `sink ${name} (${type})`,
        `${lagEntries === 0 ? 'nothing to deliver' : `${counted(lagEntries, 'entry', 'entries')} behind, ${span(lagSeconds * 1_000)}`}${
          failure === undefined ? '' : `; ${failure}${since(failingSince)}`
        }`,
      ],
    ),
    ...(witnesses?.items ?? []).map(
      ({ name, cosignedSize, failure, failingSince }): [string, string] => [
        `witness ${name}`,
        `${cosignedSize === 0 ? 'nothing cosigned' : `cosigned ${counted(cosignedSize, 'entry', 'entries')}`}${
          failure === undefined ? '' : `; ${failure}${since(failingSince)}`
        }`,
      ],
    ),
    [
      'this replica',
      Object.entries(parts)
        .map(([name, state]) => `${name}: ${state}`)
        .join(', '),
    ],
  ];
}

import type { ReactNode } from 'react';
import { FailureMessage } from '../../shell/failure-message.js';
import { clock, zoneName } from '../../time/format.js';
import type { Zone } from '../../time/zone.js';
import type { LiveTail } from './use-live-tail.js';

/** Whether the list is live, and what a lost connection means for it. */
export function LiveState({
  tail,
  zone,
  onStart,
}: {
  readonly tail: LiveTail;
  readonly zone: Zone;
  readonly onStart: () => void;
}): ReactNode {
  const { state, lostAt = 0, error } = tail;
  if (error) return <FailureMessage key={error.message} error={error} onRetry={onStart} />;
  const lost = `Connection lost at ${clock(lostAt, zone)} ${zoneName(lostAt, zone)}. Connecting again; entries since then follow.`;
  const text = { off: '', connecting: 'Connecting …', live: 'Live', lost, failed: '' }[state];
  if (text === '') return null;
  return (
    <p role="status" className={`live is-${state}`}>
      {text}
    </p>
  );
}

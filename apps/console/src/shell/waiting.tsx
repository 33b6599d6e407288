import { Button, Spinner } from '@fluentui/react-components';
import { type ReactNode, useEffect, useState } from 'react';

const SHOWN_AFTER_MS = 200;
const CANCELLABLE_AFTER_MS = 2_000;

/** A request that is under way: nothing at first, then a sign, then its time and a way to stop it. */
export function Waiting({
  what,
  onCancel,
}: {
  readonly what: string;
  readonly onCancel?: () => void;
}): ReactNode {
  const [elapsedMs, setElapsed] = useState(0);
  useEffect(() => {
    const start = performance.now();
    const timer = setInterval(() => {
      setElapsed(performance.now() - start);
    }, SHOWN_AFTER_MS);
    return () => {
      clearInterval(timer);
    };
  }, []);
  if (elapsedMs < SHOWN_AFTER_MS) return null;
  const isLong = elapsedMs >= CANCELLABLE_AFTER_MS;
  return (
    <div className="waiting">
      <span role="status">
        <Spinner size="extra-tiny" labelPosition="after" label={`${what} …`} />
      </span>
      {isLong && <span>{Math.floor(elapsedMs / 1000)} s</span>}
      {isLong && onCancel && (
        <Button size="small" onClick={onCancel}>
          Cancel
        </Button>
      )}
    </div>
  );
}

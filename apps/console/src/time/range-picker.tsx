import { Button, Field, Input, Select } from '@fluentui/react-components';
import { type ReactNode, useState } from 'react';
import { change } from '../shell/address.js';
import { otherZone } from '../shell/use-zone.js';
import { instant, rfc3339 } from './format.js';
import {
  describeRange,
  instantOfField,
  type Range,
  RANGES,
  spanAt,
  typedInstant,
} from './range.js';
import { UTC, type Zone } from './zone.js';

const CUSTOM = 'custom';

/** Chooses a range that ends now, or two instants. It shows what it understood in both zones. */
export function RangePicker({
  range,
  zone,
}: {
  readonly range: Range;
  readonly zone: Zone;
}): ReactNode {
  const [isOpen, setIsOpen] = useState(false);
  const length = 'length' in range ? range.length : undefined;
  const lengths: readonly string[] = RANGES;
  return (
    <span className="range">
      <Select
        size="small"
        aria-label="Time range"
        value={isOpen || length === undefined ? CUSTOM : length}
        onChange={(_event, { value }) => {
          setIsOpen(value === CUSTOM);
          if (value !== CUSTOM) change({ range: value, from: undefined, to: undefined });
        }}
      >
        {length !== undefined && !lengths.includes(length) && (
          <option value={length}>last {length}</option>
        )}
        {RANGES.map((one) => (
          <option key={one} value={one}>
            last {one}
          </option>
        ))}
        <option value={CUSTOM}>
          {length === undefined ? describeRange(range, zone, Date.now()) : 'from … to …'}
        </option>
      </Select>
      {length === undefined && !isOpen && (
        <Button
          size="small"
          onClick={() => {
            setIsOpen(true);
          }}
        >
          Change
        </Button>
      )}
      {isOpen && (
        <Instants
          range={range}
          zone={zone}
          onDone={() => {
            setIsOpen(false);
          }}
        />
      )}
    </span>
  );
}

function Instants({
  range,
  zone,
  onDone,
}: {
  readonly range: Range;
  readonly zone: Zone;
  readonly onDone: () => void;
}): ReactNode {
  const [now] = useState(Date.now);
  const span = spanAt(range, now);
  const [from, setFrom] = useState(typedInstant(span.from, zone));
  const [to, setTo] = useState(span.to === undefined ? 'now' : typedInstant(span.to, zone));
  const first = instantOfField(from, span.from, zone, now);
  const last = instantOfField(to, span.to, zone, now);
  const isValid = first !== undefined && last !== undefined && first < last;
  return (
    <form
      className="instants"
      onSubmit={(event) => {
        event.preventDefault();
        if (!isValid) return;
        const end = to.trim() === 'now' ? undefined : rfc3339(last, UTC);
        change({ range: undefined, from: rfc3339(first, UTC), to: end });
        onDone();
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        // It closes this form alone, and not the entry beside the list.
        event.preventDefault();
        onDone();
      }}
    >
      <Instant label="From" text={from} at={first} zone={zone} onType={setFrom} />
      <Instant label="To" text={to} at={last} zone={zone} onType={setTo} />
      <Button size="small" type="submit" appearance="primary" disabled={!isValid}>
        Apply
      </Button>
      <Button size="small" onClick={onDone}>
        Cancel
      </Button>
    </form>
  );
}

function Instant({
  label,
  text,
  at,
  zone,
  onType,
}: {
  readonly label: string;
  readonly text: string;
  readonly at: number | undefined;
  readonly zone: Zone;
  readonly onType: (text: string) => void;
}): ReactNode {
  return (
    <Field
      label={label}
      size="small"
      validationState={at === undefined ? 'error' : 'none'}
      validationMessage={
        at === undefined ? 'not understood: 2h, yesterday, 2025-11-25 08:00' : null
      }
      orientation="horizontal"
      hint={at === undefined ? null : inBothZones(at, zone)}
    >
      <Input
        value={text}
        onChange={(_event, { value }) => {
          onType(value);
        }}
      />
    </Field>
  );
}

/** A computer may be in UTC: then they are one. */
function inBothZones(at: number, zone: Zone): string {
  const other = otherZone(zone);
  return other === zone ? instant(at, zone) : `${instant(at, zone)} = ${instant(at, other)}`;
}

import { type KeyboardEvent, type ReactNode, useRef, useState } from 'react';
import type { Entry } from '../api/api.js';
import { OUTCOMES } from '../entries/outcome.js';
import { useKeys } from '../shell/keys.js';

type Outcome = Entry['outcome'];

/** The entries of a unit of time, by outcome. */
export interface Bucket {
  readonly start: number;
  readonly label: string;
  readonly counts: Readonly<Partial<Record<Outcome, number>>>;
}

const WIDTH = 1000;
const HEIGHT = 160;
const GAP = 1;

interface StackedBarsProps {
  readonly title: string;
  readonly buckets: readonly Bucket[];
  /** @param outcome absent: the entries of every outcome */
  readonly onOpen: (bucket: Bucket, outcome?: Outcome) => void;
}

/** What ↑ and ↓ choose among: a part of a bar, or all of it. */
const PARTS = [undefined, ...OUTCOMES];

/**
 * Entries by time and outcome. One tab stop: arrows move from bar to bar and between its parts, which is read
 * aloud, and Enter opens it. → on the page goes to the newest refusals. Colours have patterns, so that they
 * are never alone.
 */
export function StackedBars({ title, buckets, onOpen }: StackedBarsProps): ReactNode {
  const [active, setActive] = useState<number>();
  const [part, setPart] = useState<Outcome>();
  const chart = useRef<SVGSVGElement>(null);
  useKeys({
    ArrowRight: () => {
      const newest = buckets.findLastIndex(({ counts }) => (counts.denied ?? 0) > 0);
      chart.current?.focus();
      setPart(newest < 0 ? undefined : 'denied');
      setActive(newest < 0 ? buckets.length - 1 : newest);
    },
  });
  const highest = Math.max(1, ...buckets.map(totalOf));
  const width = WIDTH / Math.max(1, buckets.length);
  const current = active === undefined ? undefined : buckets[active];
  const onKeyDown = (event: KeyboardEvent): void => {
    const moves: Readonly<Record<string, number>> = { ArrowRight: 1, ArrowLeft: -1 };
    const move = moves[event.key];
    if (move !== undefined) {
      const next = (active ?? (move > 0 ? -1 : buckets.length)) + move;
      setActive(Math.max(0, Math.min(buckets.length - 1, next)));
    } else if (event.key === 'ArrowUp' || event.key === 'ArrowDown') {
      const step = event.key === 'ArrowUp' ? 1 : -1;
      setPart(PARTS.at((PARTS.indexOf(part) + step) % PARTS.length));
    } else if (event.key === 'Home') setActive(0);
    else if (event.key === 'End') setActive(buckets.length - 1);
    else if (event.key === 'Enter' && current) onOpen(current, part);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <figure className="chart">
      <figcaption>
        {title}
        <Legend />
      </figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="application"
        aria-roledescription="chart"
        aria-label={`${title}: arrows move, up and down choose an outcome, Enter opens the entries`}
        tabIndex={0}
        ref={chart}
        onKeyDown={onKeyDown}
        onBlur={() => {
          setActive(undefined);
          setPart(undefined);
        }}
      >
        <Patterns />
        {buckets.map((bucket, nth) => (
          <Bar
            key={bucket.start}
            bucket={bucket}
            x={nth * width}
            width={Math.max(0.5, width - GAP)}
            scale={HEIGHT / highest}
            isActive={nth === active}
            onClick={(outcome) => {
              onOpen(bucket, outcome);
            }}
          />
        ))}
      </svg>
      <p className="chart-range soft">
        <span>{buckets[0]?.label}</span>
        <span role="status">{current ? describe(current, part) : `highest ${highest}`}</span>
        <span>{buckets.at(-1)?.label}</span>
      </p>
    </figure>
  );
}

function Bar({
  bucket,
  x,
  width,
  scale,
  isActive,
  onClick,
}: {
  readonly bucket: Bucket;
  readonly x: number;
  readonly width: number;
  readonly scale: number;
  readonly isActive: boolean;
  readonly onClick: (outcome?: Outcome) => void;
}): ReactNode {
  let y = HEIGHT;
  return (
    <g
      className="bar-group"
      onClick={() => {
        onClick();
      }}
    >
      <title>{describe(bucket)}</title>
      <rect
        x={x}
        y={0}
        width={width}
        height={HEIGHT}
        className={isActive ? 'bar-back is-active' : 'bar-back'}
      />
      {OUTCOMES.map((outcome) => {
        const height = (bucket.counts[outcome] ?? 0) * scale;
        if (height === 0) return null;
        y -= height;
        const size = Math.max(1, height - GAP);
        return (
          <g
            key={outcome}
            onClick={(event) => {
              event.stopPropagation();
              onClick(outcome);
            }}
          >
            <rect x={x} y={y} width={width} height={size} className={`fill is-${outcome}`} />
            {outcome !== 'success' && (
              <rect x={x} y={y} width={width} height={size} fill={`url(#pattern-${outcome})`} />
            )}
          </g>
        );
      })}
    </g>
  );
}

/** None for success, then diagonals, dots and crosses. */
function Patterns(): ReactNode {
  return (
    <defs>
      <pattern id="pattern-denied" width="6" height="6" patternUnits="userSpaceOnUse">
        <path d="M0 6L6 0" className="pattern-line" />
      </pattern>
      <pattern id="pattern-failure" width="6" height="6" patternUnits="userSpaceOnUse">
        <circle cx="3" cy="3" r="1.2" className="pattern-dot" />
      </pattern>
      <pattern id="pattern-unknown" width="6" height="6" patternUnits="userSpaceOnUse">
        <path d="M0 0L6 6M0 6L6 0" className="pattern-line" />
      </pattern>
    </defs>
  );
}

function Legend(): ReactNode {
  return (
    <span className="legend">
      {OUTCOMES.map((outcome) => (
        <span key={outcome}>
          <svg width="12" height="12" aria-hidden>
            <rect width="12" height="12" className={`fill is-${outcome}`} />
            {outcome !== 'success' && (
              <rect width="12" height="12" fill={`url(#pattern-${outcome})`} />
            )}
          </svg>{' '}
          {outcome}
        </span>
      ))}
    </span>
  );
}

export function totalOf({ counts }: Bucket): number {
  return OUTCOMES.reduce((sum, outcome) => sum + (counts[outcome] ?? 0), 0);
}

function describe(bucket: Bucket, part?: Outcome): string {
  const counted = OUTCOMES.filter((outcome) => (bucket.counts[outcome] ?? 0) > 0).map(
    (outcome) => `${outcome} ${bucket.counts[outcome]}`,
  );
  const chosen = part === undefined ? '' : `; ${part} chosen`;
  return `${bucket.label}, ${counted.length === 0 ? 'none' : counted.join(', ')}${chosen}`;
}

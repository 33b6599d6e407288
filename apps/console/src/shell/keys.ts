import { useEffect, useRef } from 'react';
import { preferences } from './preferences.js';

/** What keys do, by key: `j`, `Enter`, or a sequence such as `g s`. */
export type Keys = Readonly<Record<string, (event: KeyboardEvent) => void>>;

/** A sequence ends when the next key comes later. */
const SEQUENCE_MS = 1_500;
/** Where letters are typed, or choose an option. */
const FIELDS = 'input:not([type=checkbox]), textarea, select, [contenteditable=true]';
const DIALOGS = '[role=dialog], [role=alertdialog]';

/** The newest layer comes first. */
const layers: { current: Keys }[] = [];
let prefix: { readonly key: string; readonly at: number } | undefined;

addEventListener('keydown', (event) => {
  if (!preferences().areKeysOn || event.ctrlKey || event.metaKey || event.altKey) return;
  // The keys of a dialog are its own.
  if (event.defaultPrevented || document.querySelector(DIALOGS)) return;
  const field = event.target instanceof Element ? event.target.closest<HTMLElement>(FIELDS) : null;
  if (field) {
    if (event.key !== 'Escape') return;
    // What was typed stays: a field of the type `search` would be emptied.
    event.preventDefault();
    field.blur();
    return;
  }
  const isSequence = prefix !== undefined && event.timeStamp - prefix.at < SEQUENCE_MS;
  const name = isSequence ? `${prefix?.key ?? ''} ${event.key}` : event.key;
  prefix = undefined;
  const action = layers.findLast((layer) => name in layer.current)?.current[name];
  if (action) {
    // Buttons and links have their own Enter.
    const isOwn = event.target instanceof Element && event.target.closest('a, button') !== null;
    if (event.key === 'Enter' && isOwn) return;
    event.preventDefault();
    action(event);
    return;
  }
  const begins = layers.some((layer) =>
    Object.keys(layer.current).some((key) => key.startsWith(`${name} `)),
  );
  if (begins) prefix = { key: name, at: event.timeStamp };
});

/** Keys that are in force while the component is shown. They are off in fields, and by a preference. */
export function useKeys(keys: Keys): void {
  const layer = useRef(keys);
  useEffect(() => {
    layer.current = keys;
  });
  useEffect(() => {
    layers.push(layer);
    return () => {
      layers.splice(layers.indexOf(layer), 1);
    };
  }, []);
}

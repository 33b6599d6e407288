import { Checkbox, Field, Select } from '@fluentui/react-components';
import type { ReactNode } from 'react';
import { NotKept } from './not-kept.js';
import { type Preferences as Values, setPreferences, usePreferences } from './preferences.js';

/** What this browser remembers. */
export function Preferences(): ReactNode {
  const { theme, density, areKeysOn } = usePreferences();
  return (
    <div className="preferences">
      <NotKept />
      <Field label="Theme">
        <Select
          value={theme}
          onChange={(_event, { value }) => {
            setPreferences({ theme: value as Values['theme'] }); // its options
          }}
        >
          <option value="system">as the system</option>
          <option value="light">light</option>
          <option value="dark">dark</option>
        </Select>
      </Field>
      <Field label="Rows">
        <Select
          value={density}
          onChange={(_event, { value }) => {
            setPreferences({ density: value as Values['density'] }); // its options
          }}
        >
          <option value="normal">normal</option>
          <option value="compact">compact</option>
        </Select>
      </Field>
      <Checkbox
        label="Keys: / j k g s … (? lists them)"
        checked={areKeysOn}
        onChange={(_event, { checked }) => {
          setPreferences({ areKeysOn: checked === true });
        }}
      />
    </div>
  );
}

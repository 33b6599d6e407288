import { type Theme, webDarkTheme, webLightTheme } from '@fluentui/react-components';
import { useSyncExternalStore } from 'react';
import { setPreferences, usePreferences } from './preferences.js';

const dark = matchMedia('(prefers-color-scheme: dark)');

/** The theme that the person chose, or that of the system. */
export function useTheme(): Theme {
  return useIsDark() ? webDarkTheme : webLightTheme;
}

export function useIsDark(): boolean {
  const { theme } = usePreferences();
  const isSystemDark = useSyncExternalStore(
    (listener) => {
      dark.addEventListener('change', listener);
      return () => {
        dark.removeEventListener('change', listener);
      };
    },
    () => dark.matches,
  );
  return theme === 'system' ? isSystemDark : theme === 'dark';
}

export function switchTheme(isDark: boolean): void {
  setPreferences({ theme: isDark ? 'light' : 'dark' });
}

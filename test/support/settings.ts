import { type ConfigurationError, readSettings } from '../../src/config/config.ts';
import type { Settings } from '../../src/config/schema.ts';

export function read(env: Record<string, string>): Settings {
  return readSettings(env, 'there-is-none.env');
}

/** The problems readSettings finds; none when the settings are usable. */
export function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    read(env);
    return [];
  } catch (error) {
    const { name, problems } = error as ConfigurationError;
    if (name !== 'ConfigurationError') throw error;
    return problems;
  }
}

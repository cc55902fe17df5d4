import { settingsSchema } from '../dist/config/schema.js';

/** Gatehouse's default for a setting, so that what is measured beside it does as it does. */
export function defaultOf(setting) {
  const value = settingsSchema.properties[setting]?.default;
  if (value === undefined) throw new Error(`${setting} is not a setting with a default`);
  return value;
}

import type { Static, TSchema } from '@sinclair/typebox';

/** What the examples of the document are made of, so that they tell one story: Ada registers and logs in. */

export const ada = {
  name: 'Ada Lovelace',
  email: 'ada@example.com',
  location: 'London',
  about: 'Countess of Lovelace',
} as const;

export const adaId = 42;

const passphrase = 'analytical engine';

/** A password that a policy of this minimum length accepts. */
export function examplePassword(minLength: number): string {
  return passphrase.padEnd(minLength, ' by steam');
}

export const registeredAt = '2026-01-31T09:30:00.000Z';

// Nothing in them is encrypted: header, claims, and the word "signature" in base64url
export const accessToken = 'eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl';
export const refreshToken = 'eyJhbGciOiJIUzI1NiIsInR5cCI6InJ0K2p3dCJ9.eyJnZW5lcmF0aW9uIjoxfQ.c2lnbmF0dXJl';

/** The component with an example, which the document shows wherever the component is a body. */
export function withExample<Schema extends TSchema>(schema: Schema, example: Static<Schema>): Schema {
  return { ...schema, examples: [example] };
}

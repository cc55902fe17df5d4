import { randomBytes } from 'node:crypto';
import type { TestApp } from './app.ts';

export interface Person {
  name: string;
  email: string;
  location: string;
  about?: string | null;
  password: string;
}

/** Someone who is not registered yet. */
export function newPerson(known: Partial<Person> = {}): Person {
  const id = randomBytes(6).toString('hex');
  return {
    name: 'Ada',
    email: `${id}@example.com`,
    location: 'London',
    password: `analytical ${id}`,
    ...known,
  };
}

export interface LoggedInPerson extends Person {
  userId: number;
  accessToken: string;
  refreshToken: string;
}

/** Registers someone and logs them in, over HTTP. */
export async function registerAndLogIn(
  { post }: Pick<TestApp, 'post'>,
  known: Partial<Person> = {},
): Promise<LoggedInPerson> {
  const person = newPerson(known);
  const registered = await post('/api/v1/register-user', person);
  if (registered.status !== 201)
    throw new Error(`registration answered ${registered.status}: ${JSON.stringify(registered.body)}`);
  const tokens = await logIn({ post }, person);
  return { ...person, ...tokens, userId: Number(registered.body['user_id']) };
}

export async function logIn(
  { post }: Pick<TestApp, 'post'>,
  { email, password }: Pick<Person, 'email' | 'password'>,
): Promise<{ accessToken: string; refreshToken: string }> {
  const { status, body } = await post('/api/v1/auth/login', { email, password });
  if (status !== 200) throw new Error(`login answered ${status}: ${JSON.stringify(body)}`);
  return { accessToken: String(body['access_token']), refreshToken: String(body['refresh_token']) };
}

export function bearer(accessToken: string): { authorization: string } {
  return { authorization: `Bearer ${accessToken}` };
}

import type { Test } from 'tap';
import type { Config } from '../../src/config/config.ts';
import { settingsSchema } from '../../src/config/schema.ts';
import { type Answer, startApp, type TestApp, type TestAppOptions } from './app.ts';

export const loginPath = '/api/v1/auth/login';

type LimitSetting = Extract<keyof Config, `RATE_LIMIT_${string}_PER_${string}`>;

/** What a limit is by default. */
export function defaultLimit(name: LimitSetting): number {
  return settingsSchema.properties[name].default;
}

/** The app with the limits that it has by default, behind a proxy that names the addresses of clients. */
export function startLimitedApp(t: Test, { env = {}, ...options }: TestAppOptions = {}): Promise<TestApp> {
  return startApp(t, { ...options, env: { RATE_LIMIT: 'on', TRUST_PROXY: '127.0.0.1', ...env } });
}

/** The header by which the proxy names the address of a client. */
export function from(address: string): { 'x-forwarded-for': string } {
  return { 'x-forwarded-for': address };
}

/** Answers of `count` requests, one after the other. */
export async function repeated(count: number, send: (index: number) => Promise<Answer>): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let index = 0; index < count; index++) answers.push(await send(index));
  return answers;
}

/** The statuses, each once. */
export function statuses(answers: Answer[]): number[] {
  return [...new Set(answers.map(({ status }) => status))];
}

/** How many passwords the app has checked from now on. */
export function countChecks({ hasher }: Pick<TestApp, 'hasher'>): () => number {
  const { verify } = hasher;
  let checks = 0;
  hasher.verify = (...args) => {
    checks += 1;
    return verify.apply(hasher, args);
  };
  return () => checks;
}

import { GatehouseError, GatehouseNetworkError, isRecord } from './errors.ts';
import type { SessionList, TokenPair, User } from './schema.ts';

interface Answer {
  data?: unknown;
  error?: unknown;
  response: Response;
}

/**
 * What a success holds.
 *
 * @throws GatehouseError when it is none; GatehouseNetworkError when it is not what the service says, as a captive portal's
 */
export async function answerOf<Data>(
  answered: Promise<Answer>,
  isExpected: (data: unknown) => data is Data,
): Promise<Data> {
  const { data } = await success(answered);
  if (!isExpected(data)) throw notOfTheService();
  return data;
}

/**
 * For operations of which the service says no more than that they are done.
 *
 * @throws as answerOf()
 */
export async function done(answered: Promise<Answer>): Promise<void> {
  const { response } = await success(answered);
  if (response.status !== 204) throw notOfTheService();
}

async function success(answered: Promise<Answer>): Promise<Answer> {
  const answer = await answered.catch((thrown: unknown) => {
    // Of JSON.parse: its message quotes what came, which may hold a token
    throw thrown instanceof SyntaxError ? notOfTheService() : thrown;
  });
  if (!answer.response.ok) throw new GatehouseError(answer.response, answer.error);
  return answer;
}

export function notOfTheService(): GatehouseNetworkError {
  return new GatehouseNetworkError(new Error('What came is not an answer of the service'));
}

function has(value: unknown, fields: Record<string, 'string' | 'number'>): boolean {
  return isRecord(value) && Object.entries(fields).every(([name, type]) => typeof value[name] === type);
}

export function isUser(data: unknown): data is User {
  return has(data, { user_id: 'number', name: 'string', email: 'string', location: 'string' });
}

export function isSessionList(data: unknown): data is SessionList {
  return (
    isRecord(data) &&
    Array.isArray(data['sessions']) &&
    data['sessions'].every((session) => has(session, { session_id: 'number', created_at: 'string' }))
  );
}

export function isTokenPair(data: unknown): data is TokenPair {
  return has(data, { access_token: 'string', refresh_token: 'string', expires_in: 'number' });
}

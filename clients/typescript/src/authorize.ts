import { errorCodeOf } from './errors.ts';
import { operationsWithAccessToken } from './operations.ts';
import type { Refresher } from './refresh.ts';
import type { Session } from './session.ts';
import type { Call, SendOptions, Transport } from './transport.ts';

export interface AuthorizeDeps {
  baseUrl: string;
  session: Session;
  refresher: Refresher;
  transport: Transport;
}

// Those that ask for it: the others have no use for a new access token
const refreshable = ['ACCESS_TOKEN_EXPIRED', 'ACCESS_TOKEN_INVALID'];

/**
 * A fetch for the operations of the service: those that take an access token get the one of the session, and are repeated
 * once with the next one when the service refuses it.
 */
export function authorizingFetch({ baseUrl, session, refresher, transport }: AuthorizeDeps) {
  return async (request: Request): Promise<Response> => {
    const call = await toCall(request);
    const options: SendOptions = { signal: request.signal, repeatable: isRepeatable(request) };
    if (!isAuthorizable(request, baseUrl)) return transport.send(call, options);

    let { tokens, refusal } = await refresher.current(request.signal);
    for (let renewed = false; ; renewed = true) {
      if (refusal) return refusal.clone();
      // The service says it better than we could: AUTHENTICATION_REQUIRED
      if (!tokens) return transport.send(call, options);
      const answer = await transport.send(withToken(call, tokens.accessToken), options);
      const errorCode = answer.status === 401 ? await errorCodeOf(answer) : undefined;
      if (errorCode === 'SESSION_ENDED') await session.end(tokens.session, errorCode);
      if (renewed || errorCode === undefined || !refreshable.includes(errorCode)) return answer;
      ({ tokens, refusal } = await refresher.renew(tokens, request.signal));
    }
  };
}

async function toCall(request: Request): Promise<Call> {
  const { method, url, headers } = request;
  const body = await request.arrayBuffer();
  return { method, url, headers, ...(body.byteLength > 0 && { body }) };
}

function withToken(call: Call, accessToken: string): Call {
  const headers = new Headers(call.headers);
  headers.set('authorization', `Bearer ${accessToken}`);
  return { ...call, headers };
}

const templates = operationsWithAccessToken.map(
  (operation) => new RegExp(`^${operation.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
);

/** Never for another service, which a request of openapi-fetch may name, nor for a request that brings its own token. */
function isAuthorizable({ method, url, headers }: Request, baseUrl: string): boolean {
  if (headers.has('authorization') || !url.startsWith(`${baseUrl}/`)) return false;
  const [path = ''] = url.slice(baseUrl.length).split('?');
  return templates.some((template) => template.test(`${method} ${path}`));
}

// A refresh gets the same successor again, and a logout does no harm
const repeatablePosts = /\/api\/v1\/auth\/(refresh-token|logout)$/;

function isRepeatable({ method, url }: Request): boolean {
  return ['GET', 'HEAD'].includes(method) || (method === 'POST' && repeatablePosts.test(url));
}

import { isUtf8 } from 'node:buffer';
import type { preValidationAsyncHookHandler } from 'fastify';
import type { ClientRegistry } from '../clients/client-registry.ts';
import { ApiError } from '../errors.ts';
import type { EventSink } from '../observability/events.ts';
import { formDecoded, invalid, parametersOf } from './forms.ts';
import type { Guard } from './limits/guard.ts';
import { originOf } from './origin.ts';

interface ClientDeps {
  registry: ClientRegistry;
  guard: Guard;
  events: EventSink;
}

interface ClientCredentials {
  id: string;
  secret: string;
}

/**
 * Refuses requests that are not from a client, before anything else about them is judged. What the others send is then
 * in the body as an object. To check a secret costs next to nothing, so the limit is asked only after that: whoever has the right one
 * never meets it.
 */
export function requireClient({ registry, guard, events }: ClientDeps): preValidationAsyncHookHandler {
  return async (request, reply) => {
    const form = request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
    const presented = presentedCredentials(request.headers.authorization, form);
    const client = presented.find(({ id, secret }) => registry.verify(id, secret));
    if (client === undefined) {
      await guard.attempt({ request, reply, subject: '' }, () => {
        // An id is told when it is one of ours; anything else may be a secret in the wrong place
        const known = presented.find(({ id }) => registry.has(id))?.id ?? null;
        events.emit({ type: 'client_refusal', claimedId: known, origin: originOf(request) });
        throw new ApiError('CLIENT_AUTHENTICATION_FAILED');
      });
      return;
    }
    request.clientId = client.id;
    request.body = parametersOf(form);
  };
}

/**
 * By HTTP Basic or in the form (RFC 6749 §2.3.1): each way to read what was presented, and none when it is not in its
 * form.
 *
 * @throws ApiError OAUTH_REQUEST_INVALID when it could be one client or another
 */
function presentedCredentials(authorization: string | undefined, form: URLSearchParams): ClientCredentials[] {
  const id = form.get('client_id') ?? '';
  const secret = form.get('client_secret') ?? '';
  if (authorization === undefined) return [{ id, secret }];
  // RFC 6749 §2.3: no more than one method in a request
  if (secret !== '') throw invalid('The client authenticates in more than one way');
  const basic = fromBasic(authorization);
  // Many libraries name the client in the form as well, which is no second method
  if (basic.length > 0 && id !== '' && basic.every((read) => read.id !== id))
    throw invalid('Two clients are named');
  return basic;
}

const basicPattern = /^basic +([A-Za-z0-9+/]+={0,2})$/i;

/**
 * RFC 7617 §2, with both parts encoded as in a form (RFC 6749 §2.3.1), and also as they are: that encoding is what many
 * clients leave out, and it matters once a secret has a "+" or "%".
 */
function fromBasic(authorization: string): ClientCredentials[] {
  const bytes = Buffer.from(basicPattern.exec(authorization)?.[1] ?? '', 'base64');
  const pair = bytes.toString();
  const colon = pair.indexOf(':');
  if (!isUtf8(bytes) || colon === -1) return [];
  const plain = { id: pair.slice(0, colon), secret: pair.slice(colon + 1) };
  const id = formDecoded(plain.id);
  const secret = formDecoded(plain.secret);
  if (id === undefined || secret === undefined) return [plain];
  return id === plain.id && secret === plain.secret ? [plain] : [{ id, secret }, plain];
}

import { Type } from '@sinclair/typebox';

type Described = { description: string; headers?: Record<string, object> };

/** What every response carries. */
export const requestIdHeader = {
  'x-request-id': { type: 'string', description: 'Names this request in the log' },
};

/** A response whose body is the named component. */
export function responseOf<T>(name: string) {
  return ({ description, headers = requestIdHeader }: Described) =>
    Type.Unsafe<T>(Type.Ref(name, { description, headers }));
}

/** A response without a body: @fastify/swagger knows it by its type null. */
export function emptyResponse({ description, headers = requestIdHeader }: Described) {
  return Type.Unsafe<undefined>(Type.Null({ description, headers }));
}

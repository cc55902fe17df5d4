import { Type } from '@sinclair/typebox';

interface Described {
  description: string;
  /** Each is sent with every response of this kind. */
  headers?: Record<string, object>;
}

interface DescribedBody<T> extends Described {
  /** By name, where the example of the component does not fit or does not do. */
  examples?: Record<string, T>;
}

/** Where the document finds the examples of a response. */
export const examplesKeyword = 'x-examples';

/** What every response carries. */
export const requestIdHeader = {
  'x-request-id': { type: 'string', description: 'Names this request in the log' },
};

/** A response whose body is the named component. */
export function responseOf<T>(name: string) {
  return ({ description, headers = requestIdHeader, examples }: DescribedBody<T>) =>
    Type.Unsafe<T>(
      Type.Ref(name, { description, headers, ...(examples && { [examplesKeyword]: examples }) }),
    );
}

/** A response without a body: @fastify/swagger knows it by its type null. */
export function emptyResponse({ description, headers = requestIdHeader }: Described) {
  return Type.Unsafe<undefined>(Type.Null({ description, headers }));
}

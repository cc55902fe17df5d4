import { isUtf8 } from 'node:buffer';
import type {
  FastifyInstance,
  FastifyRequest,
  preParsingHookHandler,
  preValidationHookHandler,
} from 'fastify';
import fp from 'fastify-plugin';
import { ApiError, type FieldError } from '../errors.ts';
import { refuseContentCoding } from './content-coding.ts';
import { repeatedMembers } from './repeated-members.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The body may be left out, or be empty, and is then validated as {}. */
    bodyOptional?: boolean;
  }
}

/**
 * Reads request bodies as I-JSON (RFC 7493): valid UTF-8, no member of the outermost object given twice, no text that is
 * not Unicode. Plain JSON.parse lets all three pass, replaces bytes, takes the last of two members, and hands lone
 * surrogates on to a database that refuses them, as it refuses U+0000.
 *
 * `__proto__` needs no guard here: JSON.parse makes it an ordinary member, which no schema knows.
 */
export default fp(
  async (app: FastifyInstance) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser(
      'application/json',
      { parseAs: 'buffer' },
      (request: FastifyRequest, body: Buffer, done: (error: ApiError | null, body?: unknown) => void) => {
        let value: unknown;
        try {
          refuseContentCoding(request.headers);
          // Sent in chunks, of which there was none
          if (body.length > 0 || !request.routeOptions.config.bodyOptional) value = parseIJson(body);
        } catch (error) {
          // Nothing else is thrown
          return done(error as ApiError);
        }
        done(null, value);
      },
    );
    app.addHook('onRoute', (route) => {
      if (!route.config?.bodyOptional) return;
      route.preParsing = [typeOfNothing, route.preParsing ?? []].flat();
      route.preValidation = [route.preValidation ?? [], emptyWhenAbsent].flat();
    });
  },
  { name: 'i-json' },
);

// Many clients name a content type whether or not they have content: axios that of forms. Where there is none, it says
// nothing (RFC 9110 §8.3); none of the two headers, or a length of 0, is how that is known (RFC 9112 §6.3).
const typeOfNothing: preParsingHookHandler = ({ headers }, _reply, payload, done) => {
  const { 'content-length': length = '0', 'transfer-encoding': coding } = headers;
  if (Number(length) === 0 && coding === undefined) delete headers['content-type'];
  done(null, payload);
};

const emptyWhenAbsent: preValidationHookHandler = (request, _reply, done) => {
  if (request.body === undefined) request.body = {};
  done();
};

/** @throws ApiError MALFORMED_JSON, or VALIDATION_ERROR naming the members that are given twice or not Unicode */
export function parseIJson(body: Buffer): unknown {
  if (!isUtf8(body)) throw new ApiError('MALFORMED_JSON', { cause: 'not UTF-8' });
  const text = withoutByteOrderMark(body.toString('utf8'));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // V8's message quotes the body, which may hold a password
    throw new ApiError('MALFORMED_JSON', { cause: (error as Error).name });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const repeated = repeatedMembers(text, value).map((field) => ({
      field: wellFormed(field),
      message: 'is given more than once',
    }));
    const errors = [...repeated, ...unstorableMembers(text, value)];
    if (errors.length > 0) throw new ApiError('VALIDATION_ERROR', { errors });
  }
  return value;
}

function withoutByteOrderMark(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

function unstorableMembers(text: string, object: object): FieldError[] {
  // Valid UTF-8 holds no surrogates, and JSON strings no raw U+0000: only an escape brings either in
  if (!text.includes('\\u')) return [];
  const errors: FieldError[] = [];
  for (const [name, value] of Object.entries(object)) {
    if ([name, value].some((part) => typeof part === 'string' && !part.isWellFormed())) {
      errors.push({ field: wellFormed(name), message: 'must be valid Unicode, without lone surrogates' });
    } else if ([name, value].some((part) => typeof part === 'string' && part.includes('\0'))) {
      errors.push({ field: name, message: 'must not contain the character U+0000' });
    }
  }
  return errors;
}

function wellFormed(name: string): string {
  return name.toWellFormed();
}

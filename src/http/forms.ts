import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { ApiError } from '../errors.ts';
import { refuseContentCoding } from './content-coding.ts';

/**
 * The operations of this scope take forms in UTF-8 (RFC 6749 appendix B) and nothing else. The body is a
 * URLSearchParams until requireClient has seen to it who asks.
 */
export default fp(
  async (app: FastifyInstance) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'buffer' },
      async ({ headers }: FastifyRequest, body: Buffer) => {
        refuseContentCoding(headers);
        return parseForm(body);
      },
    );
    // Every parameter is text, and the empty ones are taken out: what a schema can find is what is not there
    app.setSchemaErrorFormatter(([finding]) =>
      invalid(`The parameter ${finding?.params['missingProperty']} is missing`),
    );
  },
  { name: 'forms' },
);

/** @throws ApiError OAUTH_REQUEST_INVALID where URLSearchParams would put U+FFFD, or leave a broken escape as it is */
function parseForm(body: Buffer): URLSearchParams {
  const text = body.toString();
  if (!isUtf8(body) || formDecoded(text) === undefined) throw invalid('The form is not valid UTF-8');
  return new URLSearchParams(text);
}

/** The text that stands behind the escapes of a form; undefined when they are broken or not UTF-8. */
export function formDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

/**
 * The parameters as an object. One that is empty counts as omitted (RFC 6749 §3.2).
 *
 * @throws ApiError OAUTH_REQUEST_INVALID when one is given twice (RFC 6749 §3.2)
 */
export function parametersOf(form: URLSearchParams): Record<string, string> {
  const entries = [...form];
  if (new Set(entries.map(([name]) => name)).size < entries.length) {
    throw invalid('A parameter is given more than once');
  }
  return Object.fromEntries(entries.filter(([, value]) => value !== ''));
}

export function invalid(detail: string): ApiError {
  return new ApiError('OAUTH_REQUEST_INVALID', { detail });
}

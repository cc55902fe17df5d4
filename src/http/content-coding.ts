import type { IncomingHttpHeaders } from 'node:http';
import { ApiError } from '../errors.ts';

/**
 * Bodies are taken as they are, never compressed.
 *
 * @throws ApiError UNSUPPORTED_MEDIA_TYPE, as RFC 9110 §8.4 asks for a content coding that is not supported; and for a
 *   transfer coding besides chunked (RFC 9112 §6.1), as Node takes the chunks for the body, whatever they hold
 */
export function refuseContentCoding(headers: IncomingHttpHeaders): void {
  const { 'content-encoding': content = 'identity', 'transfer-encoding': transfer = 'chunked' } = headers;
  if (content.toLowerCase() !== 'identity' || transfer.toLowerCase() !== 'chunked')
    throw new ApiError('UNSUPPORTED_MEDIA_TYPE');
}

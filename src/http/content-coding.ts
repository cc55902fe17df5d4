import type { IncomingHttpHeaders } from 'node:http';
import { ApiError } from '../errors.ts';

/**
 * Bodies are taken as they are, never compressed.
 *
 * @throws ApiError UNSUPPORTED_MEDIA_TYPE, as RFC 9110 §8.4 asks for a content coding that is not supported
 */
export function refuseContentCoding(headers: IncomingHttpHeaders): void {
  const coding = headers['content-encoding'] ?? 'identity';
  if (coding.toLowerCase() !== 'identity') throw new ApiError('UNSUPPORTED_MEDIA_TYPE');
}

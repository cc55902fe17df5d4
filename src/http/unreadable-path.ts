import type { IncomingMessage } from 'node:http';

// No route has it
const nowhere = '//';

/**
 * Sends a path that cannot be decoded the way of every unknown path: through the hooks, so that its refusal has a log
 * line and all headers. Fastify itself would answer before any hook.
 */
export function rewriteUnreadable({ url = '/' }: IncomingMessage): string {
  return isReadable(url) ? url : nowhere;
}

/** False when the percent-encoding of the path is broken or is not UTF-8 (RFC 3986 §2.1, §2.5). */
export function isReadable(url: string): boolean {
  if (!url.includes('%')) return true;
  const [path = ''] = url.split('?');
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

import type { IncomingMessage } from 'node:http';

// No route has it
const nowhere = '//';

/**
 * The path and query that are routed. The absolute form means the same (RFC 9112 §3.2.2: it must be accepted). What has
 * no path, or one that cannot be decoded, goes the way of every unknown path: through the hooks, so that its refusal has
 * a log line and all headers. Fastify itself would answer before any hook, or take "*" for "/".
 */
export function routedTarget({ url = '/' }: IncomingMessage): string {
  const target = url.startsWith('/') ? url : fromAbsoluteForm(url);
  return target !== undefined && isReadable(target) ? target : nowhere;
}

function fromAbsoluteForm(url: string): string | undefined {
  const [, rest] = /^https?:\/\/[^/?#]+(.*)$/i.exec(url) ?? [];
  return rest === undefined || rest.startsWith('/') ? rest : `/${rest}`;
}

/** Without the query. */
export function pathOf(target: string): string {
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
}

/** False when the percent-encoding of the path is broken or is not UTF-8 (RFC 3986 §2.1, §2.5). */
export function isReadable(url: string): boolean {
  if (!url.includes('%')) return true;
  try {
    decodeURIComponent(pathOf(url));
    return true;
  } catch {
    return false;
  }
}

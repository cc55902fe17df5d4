import { type DiagLogFunction, DiagLogLevel, diag } from '@opentelemetry/api';
import { setGlobalErrorHandler } from '@opentelemetry/core';
import type { TraceLog } from './span-losses.ts';

const textLength = 300;
// Different ones: what is said in an endless number of ways is not to fill the log
const warningsMax = 20;

/** Logs what OpenTelemetry has to say of its settings and of itself, each thing once. */
export function logTraceWarnings(log: TraceLog): void {
  const said = new Set<string>();
  const warn: DiagLogFunction = (message, ...more) => {
    const text = [message, ...more]
      .map((part) => (part instanceof Error ? part.message : part))
      .filter((part) => typeof part === 'string')
      .join(': ')
      // A role and its password in a URL
      .replace(/\/\/[^/@\s]*@/g, '//')
      .slice(0, textLength);
    // Ids and numbers make no other warning of it
    const kind = text.replace(/[0-9a-f]{16,}|\d+/g, '#');
    if (said.has(kind) || said.size >= warningsMax) return;
    said.add(kind);
    log.warn({ warning: text }, 'OpenTelemetry warns');
  };
  const silent = () => {};
  const logger = { error: warn, warn, info: silent, debug: silent, verbose: silent };
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  // Exports that fail, which SpanLosses tells
  setGlobalErrorHandler(silent);
}

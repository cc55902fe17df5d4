import type { FastifyServerOptions, preValidationHookHandler } from 'fastify';
import type { FastifySchemaValidationError } from 'fastify/types/schema.js';
import { isEmail } from '../accounts/email.ts';
import type { FieldError } from '../errors.ts';

/** Nothing is coerced and nothing dropped: what a client sends is taken as it is, or refused with all its faults. */
export const ajvOptions = {
  customOptions: { coerceTypes: false, removeAdditional: false, allErrors: true },
  // After ajv-formats, whose own "email" would otherwise replace this one
  onCreate: (ajv) => ajv.addFormat('email', isEmail),
} satisfies FastifyServerOptions['ajv'];

const canonicalInteger = /^-?(0|[1-9]\d*)$/;

/**
 * Path parameters are text; those that are written as an integer become one before validation. "1e3", "+5" and "1.0"
 * stay text, so that no two paths mean the same thing.
 */
export const integerParams: preValidationHookHandler = (request, _reply, done) => {
  const params = request.params as Record<string, unknown>;
  for (const [name, value] of Object.entries(params)) {
    if (typeof value === 'string' && canonicalInteger.test(value)) params[name] = Number(value);
  }
  done();
};

/** Ajv's findings as a client needs them: the field it sent and what it should be. */
export function fieldErrors(findings: readonly FastifySchemaValidationError[]): FieldError[] {
  return findings.map(({ instancePath, keyword, params, message }) => {
    const field = instancePath.split('/')[1]?.replaceAll('~1', '/').replaceAll('~0', '~');
    if (keyword === 'required') return { field: String(params['missingProperty']), message: 'is required' };
    if (keyword === 'additionalProperties') {
      return { field: String(params['additionalProperty']), message: 'is not a field of this request' };
    }
    return { field: field ?? 'body', message: explain(keyword, params, message) };
  });
}

function explain(keyword: string, params: Record<string, unknown>, message: string | undefined): string {
  const limit = Number(params['limit']);
  switch (keyword) {
    case 'minLength':
      return limit === 1 ? 'must not be empty' : `must be at least ${limit} characters long`;
    case 'maxLength':
      return `must be at most ${limit} characters long`;
    case 'pattern':
      return 'must not be blank';
    case 'format':
      return `must be a valid ${params['format']}`;
    default:
      return message ?? 'is not valid';
  }
}

import { Type } from '@sinclair/typebox';

/** Text or null, as OpenAPI 3.0.3 writes it. */
export const nullableText = (options: { maxLength?: number; pattern?: string; description: string }) =>
  Type.Unsafe<string | null>({ ...Type.String(options), nullable: true });

import { readFileSync } from 'node:fs';

/** The OpenAPI document, as far as the tests look at it. */
export interface Document {
  openapi: string;
  info: { description: string };
  servers: { url: string }[];
  tags: { name: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema>; securitySchemes: object };
}

export interface Operation {
  operationId: string;
  summary: string;
  description: string;
  tags: string[];
  security: object[];
  parameters?: { name: string; in: string; schema: Schema }[];
  requestBody?: { required: boolean; content: Record<string, Media> };
  responses: Record<string, Response>;
}

export interface Response {
  description: string;
  headers: Record<string, { required: boolean; schema: Schema; description: string }>;
  content?: Record<string, Media>;
}

export interface Media {
  schema: { $ref: string };
  example?: unknown;
  examples?: Record<string, { value: unknown }>;
}

export interface Schema {
  type: string;
  format?: string;
  required?: string[];
  properties: Record<string, Record<string, unknown>>;
  enum?: string[];
  additionalProperties?: boolean;
}

export const documentText = readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8');

/** The one that is committed. */
export const committed: Document = JSON.parse(documentText);

export function operationsOf({
  paths,
}: Document): (Operation & { name: string; method: string; path: string })[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method} ${path}`,
      method,
      path,
      ...operation,
    })),
  );
}

/** Every example of a body, with where it is and the reference to its schema. */
export function examplesOf(
  document: Document,
): { where: string; $ref: string; name: string; value: unknown }[] {
  return operationsOf(document).flatMap(({ name: operation, requestBody, responses }) => {
    const bodies = Object.entries(responses).map(([status, { content }]) => ({ part: status, content }));
    return [{ part: 'request', content: requestBody?.content }, ...bodies].flatMap(({ part, content = {} }) =>
      Object.values(content).flatMap(({ schema: { $ref }, example, examples = {} }) => {
        const named = Object.entries(examples).map(([name, { value }]) => ({ name, value }));
        if (example !== undefined) named.push({ name: '', value: example });
        return named.map(({ name, value }) => ({ where: `${operation} ${part}`, $ref, name, value }));
      }),
    );
  });
}

import type { RouteOptions } from 'fastify';
import { examplesKeyword } from './schemas/response.ts';

/** Of a document of OpenAPI 3.0.3, what is completed here. */
export interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, { example?: unknown }> };
}

interface Operation {
  operationId: string;
  security?: object[];
  requestBody?: { required?: boolean; content: Record<string, Media> };
  responses: Record<
    string,
    { headers?: Record<string, { required?: boolean }>; content?: Record<string, Media> }
  >;
}

interface Media {
  schema: { $ref?: string };
  example?: unknown;
  examples?: Record<string, { value: unknown }>;
}

/** What a route says that @fastify/swagger does not put into the document. */
interface RouteNotes {
  bodyOptional: boolean;
  /** By status, and by name. */
  examples: Record<string, Record<string, unknown>>;
}

export type NotesByOperation = Map<string, RouteNotes>;

export function takeNotes(notes: NotesByOperation, { config, schema }: RouteOptions): void {
  if (schema?.operationId === undefined) return;
  // Fastify types a response schema as unknown; ours are objects
  const responses = Object.entries((schema.response ?? {}) as Record<string, Record<string, unknown>>);
  notes.set(schema.operationId, {
    bodyOptional: config?.bodyOptional ?? false,
    examples: Object.fromEntries(
      responses.map(([status, response]) => [status, Object(response[examplesKeyword])]),
    ),
  });
}

/** Adds what is in the notes, and what holds for all operations; the components are sorted, for diffs. */
export function complete(document: Document, notes: NotesByOperation): void {
  const componentExamples = takeExamples(document.components.schemas);
  for (const operation of Object.values(document.paths).flatMap((path) => Object.values(path))) {
    const { bodyOptional = false, examples = {} } = notes.get(operation.operationId) ?? {};
    // The empty list says that anyone may call it; without one, that would be left open
    operation.security ??= [];
    const { requestBody, responses } = operation;
    if (requestBody) {
      if (bodyOptional) requestBody.required = false;
      addExamples(requestBody.content, componentExamples);
    }
    for (const [status, { headers = {}, content = {} }] of Object.entries(responses)) {
      for (const [name, header] of Object.entries(headers)) header.required = isAlwaysSent(name, status);
      addExamples(content, componentExamples, examples[status]);
    }
  }
  document.components.schemas = Object.fromEntries(Object.entries(document.components.schemas).sort());
}

/** What is left of a rate limit is told where one is near; 429 says that one is used up. */
function isAlwaysSent(header: string, status: string): boolean {
  return status === '429' || !header.startsWith('ratelimit-');
}

/** Takes the examples out of the components, by reference: they are shown where the components are used. */
function takeExamples(components: Document['components']['schemas']): Map<string, unknown> {
  const examples = new Map<string, unknown>();
  for (const [name, component] of Object.entries(components)) {
    if (component.example !== undefined) examples.set(`#/components/schemas/${name}`, component.example);
    delete component.example;
  }
  return examples;
}

function addExamples(
  content: Record<string, Media>,
  componentExamples: Map<string, unknown>,
  named: Record<string, unknown> = {},
): void {
  for (const media of Object.values(content)) {
    const entries = Object.entries(named);
    if (entries.length > 0) {
      media.examples = Object.fromEntries(entries.map(([name, value]) => [name, { value }]));
    } else {
      media.example = componentExamples.get(media.schema.$ref ?? '');
    }
  }
}

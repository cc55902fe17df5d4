import fc from 'fast-check';
import { committed } from './document.ts';

/** A schema, as far as our document uses what OpenAPI 3.0.3 allows. */
export interface SchemaObject {
  $ref?: string;
  type?: string;
  nullable?: boolean;
  enum?: string[];
  format?: string;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  properties?: Record<string, SchemaObject>;
  required?: string[];
  additionalProperties?: boolean;
  items?: SchemaObject;
}

const understood = new Set([
  ...['type', 'nullable', 'enum', 'format', 'pattern', 'minLength', 'maxLength', 'minimum', 'maximum'],
  ...['properties', 'required', 'additionalProperties', 'items', 'description', 'default'],
]);

/** The schema itself, where a reference stands for it. */
export function resolved(schema: SchemaObject): SchemaObject {
  const name = schema.$ref?.replace('#/components/schemas/', '');
  if (name === undefined) return schema;
  // The type of the document has what all components have; a schema is read here with all it may have
  const found = committed.components.schemas[name] as SchemaObject | undefined;
  if (found === undefined) throw new Error(`there is no component ${name}`);
  return found;
}

/** Values that a schema allows; throws when it says something that would be left out of account here. */
export function valuesOf(reference: SchemaObject): fc.Arbitrary<unknown> {
  const schema = resolved(reference);
  const unknown = Object.keys(schema).filter((keyword) => !understood.has(keyword));
  if (unknown.length > 0) throw new Error(`no values are made for the keyword ${unknown}`);
  const values = ofType(schema);
  return schema.nullable ? fc.option(values, { freq: 6 }) : values;
}

function ofType(schema: SchemaObject): fc.Arbitrary<unknown> {
  switch (schema.type) {
    case 'object':
      return objects(schema);
    case 'array':
      return fc.array(valuesOf(schema.items ?? {}), { maxLength: 3 });
    case 'string':
      return schema.enum ? fc.constantFrom(...schema.enum) : strings(schema);
    case 'integer':
      return integers(schema);
    case 'boolean':
      return fc.boolean();
    default:
      throw new Error(`no values are made for the type ${schema.type}`);
  }
}

function objects({ properties = {}, required = [], additionalProperties = true }: SchemaObject) {
  const known = fc.record(
    Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, valuesOf(schema)])),
    { requiredKeys: required, noNullPrototype: true },
  );
  if (!additionalProperties) return known;
  const others = fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), fc.string({ maxLength: 8 }), {
    maxKeys: 2,
  });
  return fc.tuple(others, known).map(([more, those]) => ({ ...more, ...those }));
}

const unbounded = 10_000;
// ASCII, two bytes that lower case makes three, three bytes, four bytes and a surrogate pair, a combining mark, a digit
const characters = fc.constantFrom('x', 'İ', '漢', '🙂', '\u0301', '7');

function strings({ minLength: min = 0, maxLength: max = unbounded, pattern, format }: SchemaObject) {
  const textOf = (unit: 'binary' | 'grapheme-ascii') =>
    fc.string({ unit, minLength: min, maxLength: Math.min(max, min + 24) });
  const atBounds = fc
    .tuple(characters, fc.constantFrom(min, min + 1, max - 1, max))
    .map(([character, length]) => character.repeat(length));
  const values = {
    email: emails,
    text: fc.oneof(
      { weight: 5, arbitrary: textOf('binary') },
      { weight: 5, arbitrary: textOf('grapheme-ascii') },
      { weight: 2, arbitrary: atBounds },
    ),
  }[format ?? 'text'];
  if (values === undefined) throw new Error(`no values are made for the format ${format}`);
  const form = new RegExp(pattern ?? '', 'u');
  return values.filter((text) => form.test(text) && lengthOf(text) >= min && lengthOf(text) <= max);
}

const letters = fc.constantFrom('x', 'É', 'e\u0301', 'ß', 'İ', 'ы', '漢', '𝒜', '7');
const word = fc.array(letters, { minLength: 1, maxLength: 9 }).map((each) => `x${each.join('')}`);
/** 253 bytes with no more than two letters at the end. */
const longest = `${'x'.repeat(64)}@${'x'.repeat(62)}.${'x'.repeat(62)}.${'x'.repeat(60)}`;

/** Addresses that mail knows, in any script: far more than the service takes. */
const emails = fc.oneof(
  { weight: 6, arbitrary: fc.emailAddress() },
  { weight: 3, arbitrary: fc.tuple(word, word).map(([local, label]) => `${local}@${label}.example`) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('xx', 'xxx', 'éx', 'éxx', '漢', '漢x').map((end) => `${longest}${end}`),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom('"x y"@%.example', '"x@y"@%.example', '%@localhost', '%@[127.0.0.1]')
      .chain((form) => word.map((each) => form.replace('%', each))),
  },
);

/** As JSON Schema counts it: in code points. */
export function lengthOf(text: string): number {
  return [...text].length;
}

function integers({
  minimum: min = Number.MIN_SAFE_INTEGER,
  maximum: max = Number.MAX_SAFE_INTEGER,
}: SchemaObject) {
  return fc.oneof({ weight: 3, arbitrary: fc.integer({ min, max }) }, fc.constantFrom(min, max));
}

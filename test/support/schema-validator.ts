import { Ajv, type ValidateFunction } from 'ajv';
import formats from 'ajv-formats';
import type { Document } from './document.ts';

export type Validate = (value: unknown) => string[];

/** Compiles schemas that may refer to the components of the document; a validator tells what is wrong, if anything. */
export function schemaValidator({ components }: Pick<Document, 'components'>): (schema: object) => Validate {
  const ajv = new Ajv({ allErrors: true });
  // ajv-formats is CommonJS, which TypeScript and Node import differently
  (formats as unknown as typeof formats.default)(ajv);
  ajv.addVocabulary(['components']);
  ajv.addSchema({ components }, 'document');
  const compiled = new Map<string, ValidateFunction>();
  return (schema) => {
    const text = JSON.stringify(schema).replaceAll('"#/components/', '"document#/components/');
    const validate = compiled.get(text) ?? ajv.compile(JSON.parse(text));
    compiled.set(text, validate);
    return (value) =>
      validate(value)
        ? []
        : (validate.errors ?? []).map(
            ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
          );
  };
}

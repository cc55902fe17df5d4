import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const { resolve } = createRequire(import.meta.url);
// The compiler looks for packages from here
const sourceFile = fileURLToPath(new URL('documents.ts', import.meta.url));

/** The module with the schema of a kind; undefined when there is none. */
function moduleOf({ apiVersion, kind }) {
  const name = `${apiVersion}/${kind}`;
  const candidates = [`kubernetes-models/${name}`, `@kubernetes-models/prometheus-operator/${name}`];
  return candidates.find((candidate) => {
    try {
      return resolve(candidate);
    } catch {
      return false;
    }
  });
}

/**
 * What is wrong with Kubernetes objects: by the JSON Schemas of the API, and by its types, which know of each field that is
 * not there. The schemas let unknown fields pass, as the API server does; kubectl refuses them.
 *
 * @param {{ name: string, value: any }[]} documents
 * @returns {Promise<string[]>} findings, a line each
 */
export async function findings(documents) {
  const known = documents.map((document) => ({ ...document, module: moduleOf(document.value) }));
  const unknown = known.filter(({ module }) => module === undefined);
  const typed = known.filter(({ module }) => module !== undefined);
  const bySchema = await Promise.all(typed.map(schemaFindings));
  return [
    ...unknown.map(({ name, value }) => `${name}: no schema for ${value.apiVersion}/${value.kind}`),
    ...bySchema.flat(),
    ...typeFindings(typed),
  ];
}

async function schemaFindings({ name, value, module }) {
  const { [value.kind]: Model } = await import(module);
  try {
    new Model(value).validate();
    return [];
  } catch (error) {
    return [`${name}: ${error.message}`];
  }
}

/** Each object as a literal of its type: the compiler looks for excess properties in literals alone. */
function typeFindings(documents) {
  const literals = documents.map(
    ({ value, module }, index) =>
      `import type { I${value.kind} as Type${index} } from '${module}';\n` +
      `export const document${index}: Type${index} = ${JSON.stringify(value, null, 1)};\n`,
  );
  const options = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
  };
  const text = literals.join('');
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (file) => path.resolve(file) === sourceFile || fileExists(file);
  host.getSourceFile = (file, ...rest) =>
    path.resolve(file) === sourceFile
      ? ts.createSourceFile(file, text, ts.ScriptTarget.ES2022)
      : getSourceFile(file, ...rest);
  const program = ts.createProgram([sourceFile], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ start = 0, messageText }) => {
    const index = text.slice(0, start).match(/^export const document/gm).length - 1;
    return `${documents[index].name}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
}

import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { pythonEnvironment } from '../../scripts/python.mjs';
import { checkNames } from './names.mjs';
import { readSources, snakeCase } from './sources.mjs';

const cache = path.join(import.meta.dirname, '.cache');

/**
 * Generates with the machine's own Python, and in a virtual environment with what requirements.txt names checks the
 * journey.py of the generator's folder with mypy as strictly as it can, and runs it.
 *
 * @param {import('./generators.mjs').Job} job
 * @param {string} source the generator's folder
 * @param {{ project: string, package: string, operation: (name: string) => RegExp }} generated the folder it writes, the
 *   package in there, and how an operation is declared
 */
export async function runPython({ command, origin, folder, exec }, source, generated) {
  await exec('generate', command);
  const project = path.join(folder, generated.project);
  const python = await virtualEnvironment(source, exec);
  const env = { ...python, PYTHONPATH: project, MYPYPATH: project, GATEHOUSE_ORIGIN: origin };
  checkNames(readSources(project, '.py'), {
    type: (name) => new RegExp(`^class ${name}\\(?.*:$`, 'm'),
    operation: (name) => generated.operation(snakeCase(name)),
  });
  copyFileSync(path.join(source, 'journey.py'), path.join(folder, 'journey.py'));
  const mypy = `mypy --cache-dir ${JSON.stringify(path.join(cache, 'mypy'))}`;
  await exec('compile', `${mypy} -p ${generated.package}`, { env, cwd: project });
  // The generated code is silent here, as it is not all strictly typed; what the journey uses of it is
  await exec('compile', `${mypy} --strict --follow-imports=silent journey.py`, { env });
  await exec('journey', 'python journey.py', { env });
}

/** The variables that make what requirements.txt names the programs and packages of a step. */
async function virtualEnvironment(source, exec) {
  const prefix = path.join(cache, path.basename(source));
  const requirements = path.join(source, 'requirements.txt');
  const home = await pythonEnvironment(prefix, requirements, (line) => exec('install', line));
  return { VIRTUAL_ENV: home, PATH: `${path.join(home, 'bin')}${path.delimiter}${process.env.PATH}` };
}

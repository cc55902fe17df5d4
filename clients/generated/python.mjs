import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { checkNames } from './names.mjs';
import { readSources, snakeCase } from './sources.mjs';

const cache = path.join(import.meta.dirname, '.cache');

/**
 * Generates in a virtual environment with what requirements.txt names, checks the journey.py of the generator's folder
 * with mypy as strictly as it can, and runs it.
 *
 * @param {import('./run.mjs').Job} job
 * @param {string} source the generator's folder
 * @param {{ project: string, package: string, operation: (name: string) => RegExp }} generated the folder it writes, the
 *   package in there, and how an operation is declared
 */
export async function runPython({ command, origin, folder, exec }, source, generated) {
  const python = await virtualEnvironment(source, exec);
  const project = path.join(folder, generated.project);
  const env = { ...python, PYTHONPATH: project, MYPYPATH: project, GATEHOUSE_ORIGIN: origin };
  await exec('generate', command, { env });
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

/** Makes it anew only when requirements.txt differs from the one it was made for. */
async function virtualEnvironment(source, exec) {
  const home = path.join(cache, path.basename(source));
  const requirements = path.join(source, 'requirements.txt');
  const installed = path.join(home, 'installed.txt');
  const bin = path.join(home, 'bin');
  const env = { VIRTUAL_ENV: home, PATH: `${bin}${path.delimiter}${process.env.PATH}` };
  if (!existsSync(installed) || readFileSync(installed, 'utf8') !== readFileSync(requirements, 'utf8')) {
    await exec('install', `python3 -m venv --clear ${JSON.stringify(home)}`);
    await exec('install', `pip install --quiet -r ${JSON.stringify(requirements)}`, { env });
    copyFileSync(requirements, installed);
  }
  return env;
}

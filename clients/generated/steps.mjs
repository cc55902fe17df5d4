import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** A step that did not end well; the message has all that it wrote. */
export class StepFailed extends Error {}

/** Long enough for a toolchain that downloads its packages for the first time. */
const bound = 15 * 60 * 1000;

/**
 * @callback Exec
 * @param {string} step what the table calls it: "generate", "compile", "journey"
 * @param {string} line for the shell
 * @param {{ cwd?: string, env?: Record<string, string> }} [options] elsewhere than in the generator's folder; further
 *   variables of the environment
 * @returns {Promise<string>} what it wrote to stdout and stderr
 * @throws {StepFailed} when it does not exit with 0 within 15 minutes
 */

/**
 * @param {string} folder where lines are run
 * @param {AbortSignal} stopped ends the line that is running
 * @returns {{ exec: Exec, steps: { name: string, seconds: number }[] }} `steps` grows with each that has ended
 */
export function newExec(folder, stopped) {
  const steps = [];
  async function exec(step, line, { cwd = folder, env = {} } = {}) {
    const began = performance.now();
    const { ending, written } = await runLine(line, { cwd, env: { ...process.env, ...env } }, stopped);
    steps.push({ name: step, seconds: (performance.now() - began) / 1000 });
    if (ending !== 0) throw new StepFailed(`${step}: ${line}\nended with ${ending}\n${written}`);
    return written;
  }
  return { exec, steps };
}

/** A shell may start others, and all of them end with it: they are a process group of their own. */
async function runLine(line, options, stopped) {
  const child = spawn(line, { ...options, shell: true, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let written = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      written += text;
    });
  }
  const ended = AbortSignal.any([stopped, AbortSignal.timeout(bound)]);
  const kill = () => process.kill(-child.pid, 'SIGKILL');
  ended.addEventListener('abort', kill);
  const [code, signal] = await once(child, 'close');
  ended.removeEventListener('abort', kill);
  return { ending: signal ?? code, written };
}

import { type ChildProcess, spawn } from 'node:child_process';
import type { Account } from './account.ts';
import { EmbeddedPostgresError, useYourOwn } from './error.ts';

export interface CommandOptions {
  account: Account | undefined;
  cwd: string;
  /** In a session of its own, so that Ctrl-C in the terminal does not reach it. */
  detached?: boolean;
  /** Standard output and error; a pipe unless it is a file descriptor. */
  output?: number;
}

/** Starts one of the Postgres programs without a shell, so that every path and value is safe as an argument. */
export function start(file: string, args: readonly string[], options: CommandOptions): ChildProcess {
  const { account, cwd, detached = false, output = 'pipe' } = options;
  return spawn(file, args, {
    cwd,
    detached,
    windowsHide: true,
    stdio: ['ignore', output, output],
    env: environment(),
    ...(account && { uid: account.uid | 0, gid: account.gid | 0 }),
  });
}

/**
 * Runs one of the Postgres programs to its end.
 * @throws EmbeddedPostgresError when it cannot be run at all
 */
export async function run(
  file: string,
  args: readonly string[],
  options: Omit<CommandOptions, 'output'>,
): Promise<{ code: number | null; output: string }> {
  const child = start(file, args, options);
  let output = '';
  const collect = (chunk: Buffer) => {
    output += chunk.toString();
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  return await new Promise((resolve, reject) => {
    child.once('error', (error) => reject(cannotRun(file, error, options.account)));
    child.once('close', (code) => resolve({ code, output }));
  });
}

/** What it means that a program could not be started. */
export function cannotRun(file: string, error: unknown, account: Account | undefined): EmbeddedPostgresError {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  const options = { cause: error };
  if (code === 'ENOENT') {
    // The kernel says so of the loader that the program asks for, not of the program.
    const problem = `${file} cannot run here: it needs glibc, which this system (Alpine?) does not have`;
    return new EmbeddedPostgresError(
      problem,
      `${useYourOwn}, or use a glibc system such as Debian`,
      '',
      options,
    );
  }
  if (account && (code === 'EPERM' || code === 'EINVAL')) {
    const problem = `Postgres does not run as root, and the system forbids running it as ${account.name} (${code})`;
    return new EmbeddedPostgresError(
      problem,
      `start Gatehouse as an ordinary user, or ${useYourOwn}`,
      '',
      options,
    );
  }
  return new EmbeddedPostgresError(`${file} cannot run here (${code})`, useYourOwn, '', options);
}

function environment(): NodeJS.ProcessEnv {
  // Our own environment holds secrets, and PG* variables that would steer Postgres elsewhere.
  const passed = ['PATH', 'LD_LIBRARY_PATH', 'NIX_LD', 'NIX_LD_LIBRARY_PATH', 'SystemRoot', 'TEMP', 'TMP'];
  const entries = passed.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  return { ...Object.fromEntries(entries), LC_ALL: 'C', TZ: 'UTC' };
}

import { StartError } from '../errors.ts';

export type EngineName = 'bcryptjs' | 'native';
export type EngineChoice = 'auto' | EngineName;

/**
 * One bcrypt. Both implementations read the first 72 bytes of the UTF-8 text, cut inside a character if it comes
 * to that, as the C and Python ones do.
 */
export interface BcryptEngine {
  readonly name: EngineName;
  /**
   * Blocks for the whole computation: only for worker threads.
   *
   * @param setting `$2b$`, two digits of cost, `$`, 22 characters of canonical salt
   * @returns the setting followed by 31 characters of digest
   */
  bcrypt(text: string, setting: string): string;
}

/** The native engine was asked for and does not load; the cause says why. */
export class EngineMissingError extends StartError {
  override readonly name = 'EngineMissingError';

  constructor(cause: unknown) {
    super(
      'PASSWORD_HASH_ENGINE is native, but the optional package @node-rs/bcrypt does not load on this machine; ' +
        'install it, or use auto or bcryptjs',
      { cause },
    );
  }
}

/**
 * The engine asked for; `auto` is the native one where its optional package is installed and loads.
 *
 * @throws EngineMissingError whose cause says why
 */
export async function loadEngine(choice: EngineChoice): Promise<BcryptEngine> {
  if (choice === 'bcryptjs') return loadBcryptjs();
  try {
    return await loadNative();
  } catch (cause) {
    if (choice === 'auto') return loadBcryptjs();
    throw new EngineMissingError(cause);
  }
}

// Each engine spells a lone surrogate in its own way, so none ever reaches them.

async function loadBcryptjs(): Promise<BcryptEngine> {
  const { hashSync } = await import('bcryptjs');
  return { name: 'bcryptjs', bcrypt: (text, setting) => hashSync(text.toWellFormed(), setting) };
}

async function loadNative(): Promise<BcryptEngine> {
  const { hashSync } = await import('@node-rs/bcrypt');
  return {
    name: 'native',
    bcrypt: (text, setting) => hashSync(text.toWellFormed(), { salt: setting }),
  };
}

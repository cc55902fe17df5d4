import { parseArgs } from 'node:util';

/**
 * What a command was given. With `--help` it prints how it is used, and ends; so it does, with code 2, when it is not used so.
 *
 * @param {string} usage
 * @param {Parameters<typeof parseArgs>[0]['options']} options
 * @param {number} files the most files that it takes
 */
export function readArguments(usage, options, files = 0) {
  const help = { type: 'boolean', default: false };
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options: { ...options, help } });
    if (values.help) {
      console.log(usage);
      process.exit(0);
    }
    if (positionals.length > files) throw new Error(`it does not take ${positionals[files]}`);
    return { values, positionals };
  } catch (error) {
    return refuse(error.message, usage);
  }
}

/** Ends the process with a reason and how the command is used. */
export function refuse(reason, usage) {
  console.error(`${reason}\n\n${usage}`);
  process.exit(2);
}

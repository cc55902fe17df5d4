#!/usr/bin/env node
// The part of curl that the README uses (-s, -H, -d), for machines without it
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    silent: { type: 'boolean', short: 's' },
    header: { type: 'string', short: 'H', multiple: true, default: [] },
    data: { type: 'string', short: 'd' },
  },
});
const headers = values.header.map((line) => line.split(/: */, 2));
const response = await fetch(positionals[0], {
  method: values.data === undefined ? 'GET' : 'POST',
  headers,
  ...(values.data === undefined ? {} : { body: values.data }),
});
process.stdout.write(await response.text());

// What all journeys have in common, whichever client they are made with
import { randomUUID } from 'node:crypto';

export const origin = process.env['GATEHOUSE_ORIGIN'] ?? 'http://127.0.0.1:8000';

const email = (name: string) => `${name}-${randomUUID()}@example.com`;

/** Says nothing about herself. */
export const ada = { name: 'Ada', email: email('ada'), location: 'London', password: 'analytical engine' };

export const grace = {
  name: 'Grace',
  email: email('grace'),
  location: 'New York',
  about: 'Compilers',
  password: 'nanoseconds of wire',
};

/** Every schema takes it, and the service refuses it. */
export const commonPassword = 'password1';

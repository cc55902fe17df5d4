import t from 'tap';
import { fuzzOperations } from '../support/contract-fuzz.ts';

await fuzzOperations(t, 'sessions');

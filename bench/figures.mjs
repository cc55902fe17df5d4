import { summarise } from './rounds.mjs';

/**
 * Everything that a run has measured, as one list: what bars are held to, what two runs are compared by.
 *
 * @returns {{ id: string, label: string, unit: string, median: number, min: number, max: number, values: number[] }[]}
 */
export function figuresOf({ start, mixed, costs = [], statements = [], scenarios = [], storms = [] }) {
  return [
    ...(start ? [figureOf('start', 'cold start to ready', 's', start)] : []),
    ...(mixed ? ofMemory(mixed.memory) : []),
    ...(mixed ? [figureOf('late.mixed', 'mixed: how late the client sent, p99', 'ms', mixed.late)] : []),
    ...costs.flatMap(ofCost),
    ...statements.map(({ name, perSecond }) =>
      figureOf(`statement.${name}`, `${name}: the statement alone`, '/s', perSecond),
    ),
    ...[...scenarios, ...(mixed ? [mixed.scenario] : [])].flatMap(ofScenario),
    ...storms.flatMap(ofStorm),
  ];
}

const figureOf = (id, label, unit, { median, min, max, values }) => ({
  id,
  label,
  unit,
  median,
  min,
  max,
  values,
});
const once = (id, label, unit, value) => figureOf(id, label, unit, summarise([value]));
const scaled = ({ values }, by) => summarise(values.map((value) => value * by));

/** How long the mixed load took, in words: what is said of memory after it means little without. */
export const loadTime = (seconds) =>
  seconds < 120 ? `${seconds} s` : `${(seconds / 60).toFixed(0)} minutes`;

function ofMemory({ idle, after, peak, growth, loadSeconds }) {
  const load = `${loadTime(loadSeconds)} of mixed load`;
  return [
    once('memory.idle', 'resident memory, idle', 'MB', idle),
    once('memory.peak', 'resident memory, the most since its start', 'MB', peak),
    once('memory.after', `resident memory, after ${load}`, 'MB', after),
    once('memory.growth', `resident memory, growth by ${load}`, '%', growth * 100),
  ];
}

const subjects = {
  gatehouse: 'Gatehouse',
  floor: 'Fastify, jwt and pg',
  bare: 'a bare route',
  one: 'one process',
  two: 'two workers',
  apart: 'two processes',
};

function ofCost({ name, micros, ratios }) {
  return [
    ...Object.entries(micros).map(([key, value]) =>
      figureOf(`cost.${name}.${key}`, `${name}: CPU per request, ${subjects[key]}`, 'µs', value),
    ),
    ...Object.entries(ratios).map(([key, value]) =>
      figureOf(`ratio.${name}.${key}`, `${name}: CPU per request against ${subjects[key]}`, '×', value),
    ),
  ];
}

function ofScenario({ name, isFloor, perSecond, p50, p99, micros, livezP99 }) {
  // No bar is held to what a floor does
  const figure = (id, ...rest) => figureOf(isFloor ? `floor.${id}` : id, ...rest);
  return [
    figure(`rate.${name}`, `${name}: answered`, '/s', perSecond),
    figure(`p50.${name}`, `${name}: p50`, 'ms', p50),
    figure(`p99.${name}`, `${name}: p99`, 'ms', p99),
    figure(`cpu.${name}`, `${name}: CPU per answer, /livez included`, 'µs', micros),
    figure(`livez.${name}`, `${name}: /livez p99`, 'ms', livezP99),
  ];
}

function ofStorm({ engine, bare, alone, beside, aloneShare, besideShare, calm, stormy, meP99Ratio }) {
  const at = `storm.${engine}`;
  const storm = `login storm, ${engine}`;
  return [
    figureOf(`${at}.bare`, `bare hash loop, ${engine}`, '/s', bare),
    figureOf(`${at}.logins`, `${storm}: logins`, '/s', alone),
    figureOf(`${at}.beside`, `${storm} beside reads: logins`, '/s', beside),
    figureOf(`${at}.share`, `${storm}: logins against the bare hash loop`, '%', scaled(aloneShare, 100)),
    figureOf(
      `${at}.besideShare`,
      `${storm} beside reads: logins against the bare hash loop`,
      '%',
      scaled(besideShare, 100),
    ),
    figureOf(`${at}.calm`, `without a storm, ${engine}: me p99`, 'ms', calm.meP99),
    figureOf(`${at}.me`, `${storm}: me p99`, 'ms', stormy.meP99),
    figureOf(`${at}.times`, `${storm}: me p99 against without`, '×', meP99Ratio),
    figureOf(`livez.calm.${engine}`, `without a storm, ${engine}: /livez p99`, 'ms', calm.livezP99),
    figureOf(`livez.storm.${engine}`, `${storm}: /livez p99`, 'ms', stormy.livezP99),
  ];
}

// Measures what the service promises about its speed, on one machine in one run, or compares or draws such results: see
// README.md. Exits with 1 when a bar is missed or something could not be measured.
import path from 'node:path';
import { interruption } from './interruption.mjs';
import { conclude, measure } from './measurement.mjs';
import { openings } from './openings.mjs';
import { report, reportComparison } from './report.mjs';
import { loadResult, saveChart, saveResult } from './results.mjs';
import { plan, quick, task, whole } from './settings.mjs';

const progress = (message) => console.error(`bench: ${message}`);
const { open, closeAll } = openings(progress);
const named = (file) => path.relative(process.cwd(), file);

const tasks = {
  async measure() {
    const began = performance.now();
    const result = {};
    let failure;
    try {
      await Promise.race([measure({ result, progress, open }), interruption(plan.boundSeconds)]);
    } catch (error) {
      failure = error;
      // Of a run that measured nothing there is nothing to keep
      if (result.machine === undefined || quick) throw error;
    }
    conclude(result, { began, isIncomplete: failure !== undefined });
    console.log(report(result));
    if (quick) {
      progress('every part works; a quick run holds nothing to the bars, as its figures mean nothing');
      return;
    }
    progress(`everything measured is in ${named(saveResult(result))}`);
    if (failure) throw failure;
    if (whole) progress(`its picture is ${named(saveChart(result))}`);
    if (!result.verdicts.every(({ passes }) => passes)) process.exitCode = 1;
  },
  compare() {
    const [a, b] = task.files.map(loadResult);
    console.log(reportComparison(a, b));
  },
  chart() {
    const [result] = task.files.map(loadResult);
    progress(`the picture is ${named(saveChart(result))}`);
  },
};

try {
  await tasks[task.name]();
} catch (error) {
  progress(error.message);
  process.exitCode = 1;
} finally {
  await closeAll();
}
// What an interrupted measurement still waits for would keep the process alive
process.exit();

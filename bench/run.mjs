// Measures what the service promises about its speed, on one machine in one run, or compares or draws such results: see
// README.md. Exits with 1 when a bar is missed or something could not be measured.
import path from 'node:path';
import { interruption } from './interruption.mjs';
import { closeAll, measure } from './measurement.mjs';
import { report, reportComparison } from './report.mjs';
import { loadResult, saveChart, saveResult } from './results.mjs';
import { plan, quick, task, whole } from './settings.mjs';

const progress = (message) => console.error(`bench: ${message}`);
const named = (file) => path.relative(process.cwd(), file);

const tasks = {
  async measure() {
    const result = await Promise.race([measure(progress), interruption(plan.boundSeconds)]);
    console.log(report(result));
    if (quick) {
      progress('every part works; a quick run holds nothing to the bars, as its figures mean nothing');
      return;
    }
    progress(`everything measured is in ${named(saveResult(result))}`);
    if (whole) progress(`its picture is ${named(saveChart(result))}`);
    if (!result.verdicts.every(({ passes }) => passes)) process.exitCode = 1;
  },
  compare() {
    const [a, b] = task.files;
    if (b === undefined) throw new Error('--compare takes the files of two results');
    console.log(reportComparison(loadResult(a), loadResult(b)));
  },
  chart() {
    const [file] = task.files;
    if (file === undefined) throw new Error('--chart takes the file of a result');
    progress(`the picture is ${named(saveChart(loadResult(file)))}`);
  },
};

try {
  await tasks[task.name]();
} catch (error) {
  progress(error.message);
  process.exitCode = 1;
} finally {
  await closeAll(progress);
}
// What an interrupted measurement still waits for would keep the process alive
process.exit();

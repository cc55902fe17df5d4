/** docs/overload.md: what was measured, and how to measure it again. */
export function page({ machine, shares, sustainable, deadlineMs, rounds, seconds, points, verdicts }) {
  const { cores, cpu, platform, node, commit, loadAverage } = machine;
  const share = (part) => `${Number((part * 100).toFixed(1))} %`;
  const kinds = Object.keys(shares);
  const row = (cells) => `| ${cells.join(' | ')} |`;
  return `# More load than can be carried

Requests that come whether or not earlier ones have been answered: ${kinds.map((kind) => `${share(shares[kind])} ${kind}`).join(', ')}. *Goodput* is what is answered
200 within the deadline of ${deadlineMs / 1000} s; *p50* and *p99* are of these answers, from when the request was due; *slowest* is of all that was not refused. What is refused gets 503, \`OVERLOADED\` or
\`PASSWORD_HASHING_BUSY\`, at once and with \`Retry-After\`. The sustainable load is the highest of a rising row at which 99 % are answered, 99 % of
them within 250 ms. Here it was ${Math.round(sustainable)} requests a second. Each load was offered ${rounds} times, in turn with the others, after
some seconds of warming up. *Of the peak* compares with the greatest goodput of the same round, as the machine is not equally fast all the time; a
line is the round in the middle, and *from – to* are the least and the most.

![Goodput and p99 by offered load](images/overload.svg)

${row(['Offered, × sustainable', 'offered /s', 'goodput /s', 'of the peak', 'from – to', 'served of admitted', 'p50 ms', 'p99 ms', 'slowest ms', ...kinds.map((kind) => `${kind} /s`)])}
${row(Array.from({ length: 9 + kinds.length }, () => '---:'))}
${points
  .map(({ factor, offered, goodput, ofPeak, least, most, admitted, served, p50, p99, slowest, byKind }) =>
    row([
      factor,
      Math.round(offered),
      Math.round(goodput),
      `${Math.round(ofPeak * 100)} %`,
      `${Math.round(least * 100)} – ${Math.round(most * 100)} %`,
      `${served} of ${admitted}`,
      p50.toFixed(1),
      p99.toFixed(1),
      Math.round(slowest),
      ...kinds.map((kind) => `${byKind[kind].good.toFixed(1)} of ${byKind[kind].offered.toFixed(1)}`),
    ]),
  )
  .join('\n')}

Logins are the first to be refused: hash threads have a lower priority than everything else, [on purpose](decisions/014-shedding.md); one that
had its thread when the load came may get none of the core until its deadline. Beyond twice the sustainable load, goodput falls as well: reading
and refusing a request takes a part of the time that answering it would.

${verdicts.map(({ name, value, passes }) => `- ${name}: ${value}${passes ? '' : ' (missed)'}`).join('\n')}

Measured by \`npm run bench:overload\`, ${rounds} × ${seconds} s a load, on ${cores} cores (${cpu}, ${platform}), ${placed(machine)}; Node ${node}, commit ${commit}, load average before ${loadAverage.toFixed(1)}. The command writes this page.
`;
}

function placed({ serviceCores, postgres }) {
  if (serviceCores === undefined) return `that the service, Postgres ${postgres} and\nthe client share`;
  return `of which the\nservice and Postgres ${postgres} have ${serviceCores === 1 ? 'one' : serviceCores} and the client has another`;
}

const size = { width: 720, height: 360, left: 64, right: 64, top: 28, bottom: 48 };

/** The same as a picture: goodput on the left axis, p99 on the right. */
export function chart({ points, sustainable }) {
  const { width, height, left, right, top, bottom } = size;
  const most = Math.max(...points.map(({ offered }) => offered));
  const mostGood = Math.max(...points.map(({ goodput }) => goodput)) * 1.15;
  const mostMs = Math.max(100, ...points.map(({ p99 }) => p99)) * 1.15;
  const x = (offered) => left + (offered / most) * (width - left - right);
  const y = (value, scale) => height - bottom - (value / scale) * (height - top - bottom);
  const line = (of, scale, colour, dashes = '') =>
    `<polyline fill="none" stroke="${colour}" stroke-width="2.5"${dashes} points="${points
      .map((point) => `${x(point.offered).toFixed(1)},${y(of(point), scale).toFixed(1)}`)
      .join(' ')}"/>${points
      .map(
        (point) =>
          `<circle cx="${x(point.offered).toFixed(1)}" cy="${y(of(point), scale).toFixed(1)}" r="3.5" fill="${colour}"/>`,
      )
      .join('')}`;
  const text = (content, at, anchor = 'middle', colour = '#444') =>
    `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}" text-anchor="${anchor}" fill="${colour}">${content}</text>`;
  const axis = height - bottom;
  const ticks = [0.25, 0.5, 0.75, 1].map((part) => {
    const level = y(part, 1);
    return `<path d="M${left} ${level}H${width - right}" stroke="#ddd"/>${text(Math.round(mostGood * part), [left - 8, level + 4], 'end', '#1a6b3c')}${text(Math.round(mostMs * part), [width - right + 8, level + 4], 'start', '#b3541e')}`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<title>Goodput and p99 by offered load</title>
<rect width="${width}" height="${height}" fill="#fff"/>
${ticks.join('\n')}
<path d="M${left} ${top}V${axis}H${width - right}V${top}" fill="none" stroke="#444"/>
<path d="M${x(0)} ${y(0, 1)}L${x(Math.min(most, mostGood))} ${y(Math.min(most, mostGood), mostGood)}" stroke="#aaa" stroke-dasharray="2 4"/>
${line(({ goodput }) => goodput, mostGood, '#1a6b3c')}
${line(({ p99 }) => p99, mostMs, '#b3541e', ' stroke-dasharray="6 4"')}
${points.map(({ factor, offered }) => text(`${factor} ×`, [x(offered), axis + 18])).join('')}
${text(`offered load; 1 × is ${Math.round(sustainable)} requests a second`, [width / 2, height - 10])}
${text('goodput, requests a second', [left, top - 10], 'start', '#1a6b3c')}${text('p99, ms', [width - right, top - 10], 'end', '#b3541e')}
</svg>
`;
}

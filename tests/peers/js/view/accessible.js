// What axe-core finds: whether people who cannot see well, or use no mouse, can use the page.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

import { SCHEMES, SIZES, shown } from "./screens.js";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export async function accessible({ open, options }) {
  const browser = await open();
  const violations = [];
  let rules = 0;
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const scheme of SCHEMES) {
      const live = await shown(browser, options.url, viewport, scheme);
      await live.lookUntil(10);
      const found = await judged(live.page, `${size}-${scheme}`);
      rules = found.rules;
      violations.push(...found.violations);
      await live.close();
    }
  }
  return { rules, violations };
}

/** How many rules a page was judged by, and which of them are broken. */
export async function judged(page, where) {
  // By the browser's own means, which the page's policy is not about.
  await page.evaluate(AXE);
  const { passes, violations } = await page.evaluate(() => window.axe.run());
  return {
    rules: passes.length + violations.length,
    violations: violations.map((violation) => summary(violation, where)),
  };
}

function summary({ id, impact, help, nodes }, where) {
  return { where, id, impact, help, nodes: nodes.slice(0, 5).map(({ target, failureSummary }) => ({ target, failureSummary })) };
}

// The steps of a script that drives a running Busyhour. Each is a line on standard output, "<script>: <step>", and a
// picture. One that fails says which it was, and leaves a picture of what was there instead.
export function steps(script, page, shoot) {
  return async (name, does) => {
    try {
      const detail = (await does()) ?? "";
      console.log(`${script}: ${name} ${detail}`.trimEnd());
      await shoot(page, name.replaceAll(" ", "-"));
      return detail;
    } catch (e) {
      await shoot(page, `failed-${name.replaceAll(" ", "-")}`).catch(() => {});
      const shown = await page.locator("body").innerText().catch(() => "nothing");
      throw new Error(`${name}: ${e.message.split("\n")[0]}\nThe page shows:\n${shown.replace(/^/gm, "  | ")}`);
    }
  };
}

/** The panel's look, in the editor's own colours, so that it follows its themes. */
export const LOOK = `
  .easel-panel { display: flex; flex-direction: column; height: 100%; min-height: 0; font: 13px/1.5 sans-serif;
    container-type: inline-size;
    color: var(--fg-color, var(--input-text)); --line: var(--border-color, #8886); --soft: var(--comfy-input-bg); }
  .easel-panel [hidden] { display: none !important; }
  .easel-panel h2 { font-size: 16px; margin: 0; flex: 1; }
  .easel-panel h3 { font-size: 13px; margin: 16px 0 6px; }
  .easel-panel header { display: flex; align-items: center; gap: 8px; padding: 12px 12px 4px; }
  .easel-panel .tabs { display: flex; flex-wrap: wrap; gap: 2px; padding: 0 12px; border-bottom: 1px solid var(--line); }
  .easel-panel .tabs button { border: 0; border-bottom: 2px solid transparent; border-radius: 0;
    background: none; padding: 6px 5px; font-size: 12px; }
  .easel-panel .tabs button[aria-selected="true"] { border-bottom-color: var(--p-primary-color, #38f); font-weight: 600; }
  .easel-panel .body { flex: 1 1 0; min-height: 0; overflow: auto; padding: 8px 12px 24px; }
  .easel-panel p { margin: 4px 0; overflow-wrap: anywhere; }
  .easel-panel ul { list-style: none; margin: 0; padding: 0; }
  .easel-panel li { padding: 8px 0; border-bottom: 1px solid var(--line); }
  .easel-panel .row { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; }
  .easel-panel .row > :first-child { flex: 1; min-width: 8em; }
  .easel-panel .soft { opacity: 0.75; }
  .easel-panel .number { font-variant-numeric: tabular-nums; white-space: nowrap; }
  .easel-panel button, .easel-panel select, .easel-panel input { font: inherit; color: var(--input-text);
    background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: 3px 10px; }
  .easel-panel button { cursor: pointer; }
  .easel-panel button:is(:disabled, [aria-disabled="true"]) { cursor: default; opacity: 0.5; }
  .easel-panel :is(button, select, input, a, summary):focus-visible {
    outline: 2px solid var(--p-primary-color, #38f); outline-offset: 1px; }
  .easel-panel a { color: inherit; }
  .easel-panel label { display: block; }
  .easel-panel form { display: grid; gap: 6px; padding: 8px; margin-top: 6px; border-radius: 6px;
    border: 1px solid var(--line); }
  .easel-panel form input { width: 100%; box-sizing: border-box; }
  .easel-panel progress { width: 100%; height: 6px; accent-color: var(--p-primary-color, #38f); }
  .easel-panel svg { display: block; width: 100%; }
  .easel-panel svg text { fill: currentColor; font: 11px sans-serif; }
  .easel-panel .bars rect { fill: var(--p-primary-color, #38f); }
  .easel-panel figure { margin: 0; display: grid; grid-template-columns: 96px minmax(0, 1fr); gap: 10px; }
  @container (max-width: 250px) { .easel-panel figure { grid-template-columns: minmax(0, 1fr); } }
  .easel-panel figure img { width: 96px; max-height: 128px; object-fit: contain; object-position: top; border-radius: 4px; }
  .easel-panel .prompt { display: -webkit-box; -webkit-line-clamp: 3; -webkit-box-orient: vertical; overflow: hidden; }`;

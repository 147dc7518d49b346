import type { MarkdownRenderer } from "vitepress";

/** Makes a component of each `mermaid` fence; the component draws it in the browser. */
export function mermaidFences(md: MarkdownRenderer): void {
  const { rules } = md.renderer;
  const renderFence = rules.fence;
  if (renderFence === undefined) throw new Error("markdown-it has no rule for fences");
  rules.fence = (tokens, index, options, env, self) => {
    const token = tokens[index];
    if (token?.info.trim() !== "mermaid") return renderFence(tokens, index, options, env, self);
    return `<MermaidDiagram :source="${md.utils.escapeHtml(JSON.stringify(token.content))}" />`;
  };
}

import type { Theme } from "vitepress";
import DefaultTheme from "vitepress/theme-without-fonts";
import MermaidDiagram from "./MermaidDiagram.vue";
import TransitionDiagram from "./TransitionDiagram.vue";
import "./style.css";

export default {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component("MermaidDiagram", MermaidDiagram);
    app.component("TransitionDiagram", TransitionDiagram);
  },
} satisfies Theme;

"""The style sheet of a report: one column, light or dark as the reader likes, printable."""

from __future__ import annotations

from unmask.report import palette
from unmask.report.drawing import CHART_CSS, FONT, MONO

_LAYOUT = """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.6 FONT}
main,header,footer{max-width:900px;margin:0 auto;padding:0 24px}
header{padding-top:44px}
footer{padding-top:28px;padding-bottom:56px;margin-top:56px;border-top:1px solid var(--line);
color:var(--soft);font-size:14px}
.mark{font-weight:700;font-size:17px;letter-spacing:.01em;margin:0 0 26px;display:flex;
justify-content:space-between;align-items:baseline;gap:16px}
.mark b{background:var(--c0);color:var(--page);border-radius:4px;padding:0 4px 1px;margin:0 1px}
.mark .when{font-weight:400;font-size:14px;color:var(--soft);letter-spacing:0}
h1{font-size:34px;line-height:1.18;letter-spacing:-.018em;margin:0 0 14px;font-weight:720}
.lead{font-size:18px;line-height:1.6;margin:0 0 26px;max-width:46em;color:var(--ink)}
section{margin-top:60px;scroll-margin-top:12px}
h2{font-size:23px;line-height:1.25;letter-spacing:-.01em;margin:0 0 10px;font-weight:680;
display:flex;
align-items:center;gap:12px}
h2 .step{flex:none;width:30px;height:30px;border-radius:50%;border:1.5px solid var(--c0);
color:var(--c0);
font-size:15px;line-height:27px;text-align:center;font-weight:650;letter-spacing:0}
h3{font-size:16px;margin:28px 0 8px;font-weight:650}
p{margin:0 0 14px;max-width:46em}
a{color:var(--c0);text-decoration-thickness:1px;text-underline-offset:2px}
code,.mono{font-family:MONO;font-size:.9em}
strong{font-weight:650}
nav{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:14px;margin:26px 0 0;padding:12px 0;
border-top:1px solid var(--line);border-bottom:1px solid var(--line)}
nav a{color:var(--soft);text-decoration:none}
nav a:hover{color:var(--c0);text-decoration:underline}
nav span{color:var(--c0);font-weight:650;margin-right:5px}
"""
_PIECES = """
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(158px,1fr));gap:12px;margin:0}
.tile{background:var(--tint);border:1px solid var(--line);border-radius:10px;padding:14px 16px 13px}
.tile dt{font-size:13px;line-height:1.35;color:var(--soft)}
.tile .value{white-space:nowrap;margin:5px 0 3px;font-size:28px;line-height:1.15;font-weight:700;
letter-spacing:-.015em;
font-variant-numeric:tabular-nums}
.tile .note{margin:0;font-size:13px;line-height:1.4;color:var(--soft)}
.tile.first{border-color:var(--c0)}
.tile.first .value{color:var(--c0)}
.stats{display:grid;grid-template-columns:repeat(auto-fit,minmax(124px,1fr));gap:0 20px;
margin:18px 0 22px}
.stats div{display:flex;flex-direction:column;justify-content:space-between;
border-top:2px solid var(--line);padding:8px 0 10px}
.stats dt{font-size:13px;line-height:1.35;color:var(--soft)}
.stats dd{margin:1px 0 0;font-size:19px;font-weight:650;font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto;margin:14px 0 20px}
table{border-collapse:collapse;width:100%;font-size:15px;line-height:1.45;
font-variant-numeric:tabular-nums}
table.slim{width:auto;min-width:min(100%,420px)}
th,td{padding:8px 14px;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
th:first-child,td:first-child{padding-left:10px}
th{font-weight:400}
thead th{font-size:13px;color:var(--soft);border-bottom:1.5px solid var(--quiet);
vertical-align:bottom;
white-space:nowrap}
.num{text-align:right;white-space:nowrap}
tr.best th,tr.best td{font-weight:680;background:var(--tint)}
tbody th{overflow-wrap:break-word}
figure{margin:24px 0 26px}
figure .chart{display:block;width:100%;height:auto}
figcaption{font-size:14px;line-height:1.5;color:var(--soft);margin-top:10px;max-width:52em}
figure.medium .chart{max-width:560px}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:12px 36px}
.pair>*{min-width:0}
.callout{border-left:4px solid var(--c0);background:var(--tint);border-radius:0 8px 8px 0;
padding:14px 18px;margin:18px 0 22px}
.callout p{margin:0;max-width:none}
.callout p+p{margin-top:5px}
.callout .head{font-weight:680}
.callout.good{border-color:var(--good)}
.callout.warn{border-color:var(--warn)}
.blanks{display:grid;grid-template-columns:repeat(auto-fill,minmax(370px,1fr));gap:16px;
margin:18px 0}
.blank{border:1px solid var(--line);border-radius:10px;padding:16px 18px 12px;display:flex;
flex-direction:column;break-inside:avoid}
.blank p{margin:0 0 12px;line-height:1.65;font-size:15.5px;overflow-wrap:anywhere}
.blank .hole{font-weight:680;border-bottom:2px solid var(--quiet);padding:0 3px;white-space:nowrap}
.blank.hit .hole{color:var(--good);border-color:var(--good)}
.blank .guesses{margin-top:auto}
.blank .chart{display:block;width:100%;height:auto}
.blank .foot{display:flex;justify-content:space-between;gap:12px;font-size:12.5px;color:var(--soft);
margin-top:8px;overflow-wrap:anywhere}
.blank.hit .verdict{color:var(--good);font-weight:650}
.verdict{white-space:nowrap}
.quote p{white-space:pre-line}
.quote .foot{margin-top:auto;border-top:1px solid var(--line);padding-top:9px;align-items:end}
.quote dl{margin:0;min-width:0}
.quote dl div{display:flex;gap:7px}
.quote dt{flex:none;min-width:2.9em}
.quote dd{margin:0;color:var(--ink);font-weight:600;min-width:0}
.quote dd.long{font-weight:400;line-height:1.45}
.words{list-style:none;margin:12px 0 18px;padding:0;display:flex;flex-wrap:wrap;gap:10px 26px}
.words li{font-size:15px;display:flex;align-items:center;gap:8px;flex-wrap:wrap}
.words .token{font-family:MONO;font-size:13.5px;border:1px solid var(--line);background:var(--tint);
border-radius:5px;padding:1px 7px;margin-right:3px}
.words .arrow{color:var(--quiet)}
.type{margin:16px 0;padding:0}
.type div{margin:0 0 12px}
.type dt code{display:block;background:var(--tint);border:1px solid var(--line);border-radius:7px;
padding:9px 13px;font-size:14px;line-height:1.5;white-space:pre-wrap;overflow-wrap:anywhere}
.type dd{margin:4px 0 0 14px;font-size:14px;color:var(--soft)}
.notes{font-size:14px;color:var(--soft);padding-left:20px;margin:0 0 16px}
"""
_NARROW = """
@media(max-width:640px){body{font-size:15.5px}h1{font-size:27px}.lead{font-size:16.5px}
main,header,footer{padding-left:16px;padding-right:16px}header{padding-top:24px}
section{margin-top:46px}.pair{grid-template-columns:1fr}.blanks{grid-template-columns:1fr}
figure.wide{overflow-x:auto}figure.wide .chart{min-width:600px}th,td{padding:7px 9px}
.tiles{grid-template-columns:1fr 1fr}.tile .value{font-size:24px}}
"""
_PRINT = """
@media print{@page{margin:16mm 14mm}body{font-size:10.5pt}main,header,footer{max-width:none;
padding:0}
nav{display:none}section{margin-top:26pt}h1{font-size:22pt}h2,h3,thead{break-after:avoid}
figure,.callout,.tile,.blank,tr,.type div{break-inside:avoid}.scroll{overflow:visible}
.tile,.track,.callout,.chart,.mark b,tr.best th,tr.best td{-webkit-print-color-adjust:exact;
print-color-adjust:exact}.blanks,.pair{grid-template-columns:1fr 1fr}.blank{padding:10px 12px 8px}
.tiles{grid-template-columns:repeat(5,1fr);gap:8px}.tile{padding:9px 10px}.tile .value{
font-size:15pt}
.stats{grid-template-columns:repeat(6,1fr);gap:0 12px}.stats dd{font-size:12pt}th,td{
padding:4px 10px}
.lead{font-size:12pt}.scroll{break-inside:avoid}}
"""


def style_sheet() -> str:
    """The whole style sheet of a report, without a reference to anything outside it."""
    light = f":root{{color-scheme:light dark;{palette.variables(palette.LIGHT)}}}"
    heat = palette.heat_css(palette.LIGHT)
    dark = f":root{{{palette.variables(palette.DARK)}}}{palette.heat_css(palette.DARK)}"
    # Only screens are dark: a page is printed on white paper, whatever the system prefers.
    night = f"@media screen and (prefers-color-scheme:dark){{{dark}}}"
    rest = (_LAYOUT + _PIECES).replace("FONT", FONT).replace("MONO", MONO)
    return (light + rest + CHART_CSS + heat + night + _NARROW + _PRINT).replace("\n", "")

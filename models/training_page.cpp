#include <algorithm>
#include <cmath>
#include <cstdio>

#include "models/metrics.h"

namespace spikeloop::models {
namespace {

constexpr double kWidth = 640, kHeight = 260, kLeft = 64, kRight = 16, kTop = 12, kBottom = 36;

struct Curve {
  const char *name, *colour;
  std::vector<std::pair<double, double>> points;  ///< epoch, value
};

template <class... Args>
std::string format(const char* pattern, Args... args) {
  char text[512];
  std::snprintf(text, sizeof text, pattern, args...);
  return text;
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '&')
      result += "&amp;";
    else if (c == '<')
      result += "&lt;";
    else if (c == '>')
      result += "&gt;";
    else
      result += c;
  }
  return result;
}

/// About five round values that span [low, high].
std::vector<double> ticks_of(double low, double high) {
  const double rough = (high - low) / 5, power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = power;
  for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
    step = factor * power;
    if (step >= rough) break;
  }
  std::vector<double> ticks;
  for (double k = std::ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; ++k)
    ticks.push_back(k * step);
  return ticks;
}

/// One chart; `from`, `to`: range of the values, widened to what the curves need.
std::string chart(const std::string& title, const std::vector<Curve>& curves, double from, double to) {
  double last = 1;
  for (const Curve& curve : curves)
    for (const auto& [epoch, value] : curve.points) {
      last = std::max(last, epoch);
      from = std::min(from, value);
      to = std::max(to, value);
    }
  if (to <= from) to = from + 1;
  const double first = last > 1 ? 1 : 0;
  const auto x = [&](double epoch) {
    return kLeft + (epoch - first) / (last - first) * (kWidth - kLeft - kRight);
  };
  const auto y = [&](double value) { return kTop + (to - value) / (to - from) * (kHeight - kTop - kBottom); };
  std::string svg = "<h2>" + escaped(title) + "</h2>\n" +
                    format("<svg viewBox=\"0 0 %g %g\" role=\"img\">\n", kWidth, kHeight);
  for (const double tick : ticks_of(from, to))
    svg += format(
        "<line class=\"grid\" x1=\"%g\" x2=\"%g\" y1=\"%.1f\" y2=\"%.1f\"/>"
        "<text x=\"%g\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
        kLeft, kWidth - kRight, y(tick), y(tick), kLeft - 6, y(tick) + 4, tick);
  for (const double tick : ticks_of(first, last))
    if (tick == std::floor(tick))
      svg += format("<text x=\"%.1f\" y=\"%g\" text-anchor=\"middle\">%g</text>\n", x(tick),
                    kHeight - kBottom + 18, tick);
  for (const Curve& curve : curves) {
    svg += format("<polyline stroke=\"%s\" points=\"", curve.colour);
    for (const auto& [epoch, value] : curve.points) svg += format("%.1f,%.1f ", x(epoch), y(value));
    svg += "\"/>\n";
    for (const auto& [epoch, value] : curve.points)
      svg += format(
          "<circle fill=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\"><title>%s, epoch %g: %g</title>"
          "</circle>\n",
          curve.colour, x(epoch), y(value), curve.name, epoch, value);
  }
  svg += "</svg>\n<p>";
  for (const Curve& curve : curves)
    svg += format("<span style=\"color:%s\">&#9632;</span> %s &nbsp; ", curve.colour, curve.name);
  return svg + "over epochs</p>\n";
}

/// The curve of a value of each epoch; absent ones are left out.
template <class Value>
Curve curve_of(const char* name, const char* colour, const std::vector<EpochMetrics>& metrics, Value value) {
  Curve curve{name, colour, {}};
  for (const EpochMetrics& m : metrics)
    if (const std::optional<double> v = value(m)) curve.points.emplace_back(static_cast<double>(m.epoch), *v);
  return curve;
}

std::vector<Curve> present(std::vector<Curve> curves) {
  curves.erase(std::remove_if(curves.begin(), curves.end(), [](const Curve& c) { return c.points.empty(); }),
               curves.end());
  return curves;
}

}  // namespace

std::string training_page(const std::string& title, const std::vector<EpochMetrics>& metrics) {
  using M = EpochMetrics;
  const char *const blue = "#2563c9", *const orange = "#c9631c";
  const auto percent = [](const std::optional<double>& value) {
    return value ? std::optional<double>(100 * *value) : std::nullopt;
  };
  const auto loss = present(
      {curve_of("training", blue, metrics, [](const M& m) { return std::optional<double>(m.train_loss); }),
       curve_of("validation", orange, metrics, [](const M& m) { return m.validation_loss; })});
  const auto accuracy = present(
      {curve_of("training", blue, metrics, [&](const M& m) { return percent(m.train_accuracy); }),
       curve_of("validation", orange, metrics, [&](const M& m) { return percent(m.validation_accuracy); })});
  const auto lr = present(
      {curve_of("learning rate", blue, metrics, [](const M& m) { return std::optional<double>(m.lr); })});
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + escaped(title) +
         "</title>\n<style>body{font:14px sans-serif;max-width:720px;margin:2em auto;color:#222}"
         "svg{width:100%}text{font:11px sans-serif;fill:#555}.grid{stroke:#ddd}"
         "polyline{fill:none;stroke-width:1.8}h1{font-size:18px}h2{font-size:15px}</style></"
         "head><body>\n<h1>" +
         escaped(title) + "</h1>\n" + chart("Loss", loss, 0, 0) + chart("Accuracy, %", accuracy, 0, 0) +
         chart("Learning rate of the last step", lr, 0, 0) + "</body></html>\n";
}

}  // namespace spikeloop::models

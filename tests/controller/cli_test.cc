#include "controller/cli.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "controller/command_file.h"
#include "controller/verb.h"
#include "controller/version.h"
#include "tests/controller/run_bpactl.h"
#include "tests/controller/scratch.h"

namespace bpa::controller {
namespace {

using testing::HasSubstr;

TEST(CliTest, ExplainsItselfOnStandardOutput) {
  const Ran ran = Bpactl({"--help"});
  EXPECT_EQ(ran.exit_code, kExitConverged);
  EXPECT_EQ(ran.err, "");
  for (const char* verb : {"init", "sign", "version"}) EXPECT_THAT(ran.out, HasSubstr(verb));
  EXPECT_THAT(ran.out, HasSubstr("5 refused"));
}

TEST(CliTest, SuggestsTheVerbThatWasMeant) {
  const Ran ran = Bpactl({"--output", "text", "versoin"});
  EXPECT_EQ(ran.exit_code, kExitUsage);
  EXPECT_EQ(ran.err, "bpactl: no verb 'versoin'; did you mean 'version'?\n");
  EXPECT_EQ(ran.out, "");
}

TEST(CliTest, AsksForAVerbAndForMissingArguments) {
  EXPECT_EQ(Bpactl({}).err, "bpactl: A subcommand is required; `bpactl --help` shows the usage\n");
  const Ran ran = Bpactl({"sign"});
  EXPECT_EQ(ran.exit_code, kExitUsage);
  EXPECT_EQ(ran.err, "bpactl: FILE is required; `bpactl --help` shows the usage\n");
}

TEST(CliTest, RefusesUnknownOptionsAndFormats) {
  EXPECT_EQ(Bpactl({"version", "--colour"}).exit_code, kExitUsage);
  const Ran ran = Bpactl({"version", "--output", "xml"});
  EXPECT_EQ(ran.exit_code, kExitUsage);
  EXPECT_THAT(ran.err, HasSubstr("--output: xml not in {text,json}"));
}

TEST(CliTest, RecordsTheOperatorThatIsNamed) {
  const Scratch scratch;
  const std::string home = scratch / "home";
  const std::string file = scratch / "command.dsse";
  ASSERT_EQ(Bpactl({"--home", home, "init", "--cluster", "c", "n=a,volume=vol-01234567"}).exit_code,
            kExitConverged);
  const Ran ran =
      Bpactl({"--home", home, "apply", "--yes", "--operator", "carol", "--write", file});
  ASSERT_EQ(ran.exit_code, kExitConverged) << ran.err;
  EXPECT_EQ(ReadCommandFile(file)->command.operator_name(), "carol");
}

TEST(CliTest, PrintsItsVersionAsTextAndAsJson) {
  EXPECT_THAT(Bpactl({"version"}).out,
              testing::StartsWith("bpactl " + std::string(Version()) + " (OpenSSL 3."));
  // Global options may stand on either side of the verb.
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--output", "json", "version"},
        std::vector<std::string>{"version", "--output", "json"}}) {
    const Ran ran = Bpactl(arguments);
    EXPECT_EQ(ran.exit_code, kExitConverged);
    EXPECT_EQ(nlohmann::json::parse(ran.out)["version"], std::string(Version()));
  }
}

}  // namespace
}  // namespace bpa::controller

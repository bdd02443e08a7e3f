Driver.run(CommandLine.arguments)

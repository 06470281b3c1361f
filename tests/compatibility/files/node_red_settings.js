// Nothing that asks anybody anything.
module.exports = {
	uiHost: "127.0.0.1",
	flowFile: "flows.json",
	credentialSecret: "compatibility",
	telemetry: { enabled: false, updateNotification: false },
	editorTheme: { tours: false },
	externalModules: { autoInstall: false, palette: { allowInstall: false } },
};

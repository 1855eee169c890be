# What install.ps1 and uninstall.ps1 share. They dot-source it, so that -WhatIf and -Verbose hold here too.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

# Return values of pnputil.exe: Microsoft, "PnPUtil Return Values".
$NoMoreItems = 259
$RestartRequired = 3010

# Ends the script with a text that says what to do; with -WhatIf only says it.
function Assert-Condition {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory)] [bool] $Condition,
        [Parameter(Mandatory)] [string] $Otherwise
    )
    if ($Condition) { return }
    if (-not $WhatIfPreference) { throw $Otherwise }
    Write-Warning $Otherwise
}

function Assert-Administrator {
    [CmdletBinding()]
    param()
    $identity = [Security.Principal.WindowsIdentity]::GetCurrent()
    $principal = New-Object -TypeName Security.Principal.WindowsPrincipal -ArgumentList $identity
    $elevated = $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)
    Assert-Condition -Condition $elevated -Otherwise 'Run this from an elevated prompt ("Run as administrator").'
    Assert-Condition -Condition ([Environment]::Is64BitProcess) -Otherwise 'Run this from a 64-bit PowerShell.'
}

# Runs pnputil.exe, shows what it prints, and returns its exit code.
function Invoke-PnpUtil {
    [CmdletBinding()]
    [OutputType([int])]
    param(
        [Parameter(Mandatory)] [string[]] $Arguments
    )
    $program = Join-Path -Path $env:SystemRoot -ChildPath 'System32\pnputil.exe'
    Write-Verbose -Message "$program $Arguments"
    & $program @Arguments | Out-Host
    return $LASTEXITCODE
}

# The certificate that a test-signed package brings, or nothing.
function Get-PackageCertificate {
    [CmdletBinding()]
    [OutputType([Security.Cryptography.X509Certificates.X509Certificate2])]
    param(
        [Parameter(Mandatory)] [string] $Path
    )
    $files = @(Get-ChildItem -LiteralPath $Path -Filter '*.cer' -File)
    if ($files.Count -gt 1) {
        throw "There is more than one .cer file in $Path."
    }
    foreach ($file in $files) {
        New-Object -TypeName Security.Cryptography.X509Certificates.X509Certificate2 -ArgumentList $file.FullName
    }
}

# Where Windows looks for the certificates of a test-signed driver package.
function Get-CertificateStore {
    [CmdletBinding()]
    [OutputType([string])]
    param()
    'Cert:\LocalMachine\Root'
    'Cert:\LocalMachine\TrustedPublisher'
}

# The devices that an INF names and that are present, each with the driver it has now.
function Get-InfDevice {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory)] [string] $Inf
    )
    $found = Select-String -LiteralPath $Inf -Pattern 'PCI\\VEN_[0-9A-F]{4}&DEV_[0-9A-F]{4}' -AllMatches
    $identifiers = @($found | ForEach-Object -Process { $_.Matches.Value } | Sort-Object -Unique)
    $properties = 'Service', 'DriverInfPath', 'DriverVersion', 'DriverDate', 'DriverRank', 'MatchingDeviceId', 'ProblemCode'
    foreach ($device in Get-PnpDevice -PresentOnly) {
        $identifier = ($device.InstanceId -split '&SUBSYS_')[0]
        if ($identifiers -notcontains $identifier) { continue }
        $row = [ordered]@{ Name = $device.FriendlyName; InstanceId = $device.InstanceId }
        foreach ($property in $properties) {
            $value = Get-PnpDeviceProperty -InstanceId $device.InstanceId -KeyName "DEVPKEY_Device_$property"
            # A property that the device does not have is an object without Data.
            $row[$property] = $value | Select-Object -ExpandProperty Data -ErrorAction SilentlyContinue
        }
        [pscustomobject] $row
    }
}
